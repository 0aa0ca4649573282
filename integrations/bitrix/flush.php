<?php

/**
 * Sends what the handlers could not; for cron, every minute. Needs nothing of Bitrix.
 *
 *   php flush.php            sends, in order, for at most a minute; silent, exit status 1 when something is left
 *   php flush.php --requeue  puts the rejected events back first
 *   php flush.php --status   tells what waits, and sends nothing
 */
if (PHP_SAPI !== 'cli') {
    http_response_code(404);
    exit;
}
if (is_file(__DIR__ . '/config.php')) {
    require_once __DIR__ . '/config.php';
}
require_once __DIR__ . '/CvetyWebhooks.php';

try {
    $option = $argv[1] ?? '';
    if ($option === '--status') {
        echo CvetyWebhooks::spool()->status(), "\n";
        exit(0);
    }
    if ($option === '--requeue') {
        echo CvetyWebhooks::spool()->requeue(), " put back\n";
    } elseif ($option !== '') {
        fwrite(STDERR, "usage: php flush.php [--requeue | --status]\n");
        exit(2);
    }
    exit(CvetyWebhooks::flush() ? 0 : 1);
} catch (Throwable $failure) {
    fwrite(STDERR, 'cvety: ' . $failure->getMessage() . "\n");
    exit(2);
}
