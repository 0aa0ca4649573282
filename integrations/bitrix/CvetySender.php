<?php

/** Posts one event. Knows the secret, and puts it into the header and nowhere else. */
final class CvetySender
{
    private const CONNECT_TIMEOUT_MS = 2000;
    private const TIMEOUT_MS = 5000;

    private string $baseUrl;
    private string $secret;
    private int $connectTimeoutMs;
    private int $timeoutMs;
    /** @var resource|\CurlHandle|null kept, so that the events of a run share a connection */
    private $curl = null;

    public function __construct(
        string $baseUrl,
        string $secret,
        int $connectTimeoutMs = self::CONNECT_TIMEOUT_MS,
        int $timeoutMs = self::TIMEOUT_MS
    ) {
        if (!function_exists('curl_init')) {
            throw new RuntimeException('the curl extension of PHP is missing');
        }
        // In clear text the secret goes no further than this machine.
        if (!preg_match('~^(?:https://[^/]|http://(?:localhost|127\.0\.0\.1|\[::1\])(?:[:/]|$))~i', $baseUrl)) {
            throw new RuntimeException('CVETY_BASE_URL is to begin with https://');
        }
        if (!preg_match('/^[\x21-\x7e]+$/D', $secret)) {
            throw new RuntimeException('CVETY_WEBHOOK_SECRET is to be printable ASCII without spaces');
        }
        $this->baseUrl = rtrim($baseUrl, '/');
        $this->secret = $secret;
        $this->connectTimeoutMs = $connectTimeoutMs;
        $this->timeoutMs = $timeoutMs;
    }

    /** The HTTP status, or 0 with a reason when no whole answer came. */
    public function post(string $path, string $body): array
    {
        $this->curl = $this->curl ?? curl_init();
        curl_setopt_array($this->curl, [
            CURLOPT_URL => $this->baseUrl . $path,
            CURLOPT_POST => true,
            CURLOPT_POSTFIELDS => $body,
            CURLOPT_HTTPHEADER => [
                'Content-Type: application/json',
                'X-Webhook-Secret: ' . $this->secret,
                'Expect:',
            ],
            CURLOPT_CONNECTTIMEOUT_MS => $this->connectTimeoutMs,
            CURLOPT_TIMEOUT_MS => $this->timeoutMs,
            CURLOPT_NOSIGNAL => true,
            // A redirect would carry the secret to another place.
            CURLOPT_FOLLOWLOCATION => false,
            CURLOPT_PROTOCOLS => CURLPROTO_HTTP | CURLPROTO_HTTPS,
            CURLOPT_WRITEFUNCTION => static function ($curl, string $chunk): int {
                return strlen($chunk);
            },
        ]);
        if (curl_exec($this->curl) === false) {
            return ['status' => 0, 'error' => curl_strerror(curl_errno($this->curl)) ?: 'no answer'];
        }
        return ['status' => (int) curl_getinfo($this->curl, CURLINFO_RESPONSE_CODE), 'error' => ''];
    }
}
