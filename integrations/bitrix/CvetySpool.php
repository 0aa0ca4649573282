<?php

/**
 * Events on their way, one file each, in a directory of this machine's disk that no web server shows.
 *
 *   add --> tmp/ --rename--> queue/ --2xx--> gone
 *                              |  '--4xx, expired, crowded out--> rejected/ --requeue--> queue/
 *                              '--anything else--> stays for the next run
 *
 * A name begins with the moment of its event, so names sort by time. One run at a time sends, under a lock, oldest
 * first. It stops where the network fails or the backend asks for patience (408, 429, 503); after another failure it
 * goes on, but leaves the later events of the same subject alone. A process may die anywhere: at worst an event is
 * sent twice, with the same event id.
 *
 * Both directories have limits in count and age, and the log says what fell victim to them.
 */
final class CvetySpool
{
    private const QUEUE_EVENTS_MAX = 10000;
    private const QUEUE_DAYS_MAX = 7;
    private const REJECTED_EVENTS_MAX = 10000;
    private const REJECTED_DAYS_MAX = 30;
    private const TMP_SECONDS_MAX = 3600;
    private const LOG_BYTES_MAX = 1048576;
    private const PAUSE_SECONDS = 30;
    private const DAY_SECONDS = 86400;

    private const NAME = '/^\d{8}T\d{12}Z-([a-z]+-\d+)-([A-Za-z0-9-]+)\.json$/D';
    private const PATIENCE = [408, 429, 503];

    private string $directory;
    private int $queueEventsMax;

    public function __construct(string $directory, int $queueEventsMax = self::QUEUE_EVENTS_MAX)
    {
        $this->directory = rtrim($directory, '/');
        $this->queueEventsMax = $queueEventsMax;
        foreach (['tmp', 'queue', 'rejected'] as $part) {
            $path = "$this->directory/$part";
            if (!is_dir($path) && !@mkdir($path, 0700, true) && !is_dir($path)) {
                throw new RuntimeException("cannot make the directory $path");
            }
        }
    }

    /** @param string $subject what the event is about, such as product-123 */
    public function add(string $path, string $subject, DateTimeImmutable $moment, string $eventId, string $body): void
    {
        $this->makeRoom();
        $time = $moment->setTimezone(new DateTimeZone('UTC'))->format('Ymd\THisu\Z');
        $name = "$time-$subject-$eventId.json";
        $content = json_encode(['path' => $path, 'body' => $body], JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR);
        $file = @fopen("$this->directory/tmp/$name", 'x');
        $isWritten = $file !== false && fwrite($file, $content) === strlen($content) && fflush($file);
        if ($isWritten && function_exists('fsync')) {
            $isWritten = fsync($file);
        }
        if ($file !== false) {
            fclose($file);
            @chmod("$this->directory/tmp/$name", 0600);
        }
        if (!$isWritten || !@rename("$this->directory/tmp/$name", "$this->directory/queue/$name")) {
            @unlink("$this->directory/tmp/$name");
            throw new RuntimeException("an event is lost, the spool cannot be written: $subject");
        }
    }

    /** True when nothing is left, or another run is at it. */
    public function flush(CvetySender $sender, int $eventsMax, float $secondsMax): bool
    {
        $deadline = microtime(true) + $secondsMax;
        $tried = 0;
        do {
            $lock = @fopen("$this->directory/flush.lock", 'c');
            if ($lock === false) {
                throw new RuntimeException("cannot open $this->directory/flush.lock");
            }
            if (!flock($lock, LOCK_EX | LOCK_NB)) {
                return true;
            }
            try {
                $this->sweep();
                $before = $tried;
                $isDone = $this->send($sender, $eventsMax, $deadline, $tried);
            } finally {
                flock($lock, LOCK_UN);
                fclose($lock);
            }
            // Whoever added an event meanwhile found the lock taken and relies on this run.
        } while ($isDone && $tried > $before && $this->names('queue') !== []);
        return $isDone && $this->names('queue') === [];
    }

    /** Puts what was rejected back into the queue, after its cause is gone. How many. */
    public function requeue(): int
    {
        $count = 0;
        foreach ($this->names('rejected') as $name) {
            // Their days in the queue begin anew.
            @touch("$this->directory/rejected/$name");
            $count += $this->move($name, 'rejected', 'queue') ? 1 : 0;
        }
        return $count;
    }

    /** The backend was out of reach a moment ago. */
    public function isPaused(): bool
    {
        clearstatcache();
        $since = @filemtime("$this->directory/paused");
        return $since !== false && time() - $since < self::PAUSE_SECONDS;
    }

    public function status(): string
    {
        $queue = $this->names('queue');
        $oldest = $queue === [] ? '' : ', the oldest of ' . substr($queue[0], 0, 15);
        return count($queue) . " wait$oldest; " . count($this->names('rejected')) . ' rejected';
    }

    /** False when it stopped before the end or left something. */
    private function send(CvetySender $sender, int $eventsMax, float $deadline, int &$tried): bool
    {
        $held = [];
        $sent = 0;
        $stop = '';
        foreach ($this->names('queue') as $name) {
            [, $subject, $eventId] = $this->partsOf($name);
            if (isset($held[$subject])) {
                continue;
            }
            if ($tried >= $eventsMax || microtime(true) >= $deadline) {
                $stop = 'the run is at its limit';
                break;
            }
            $event = json_decode((string) @file_get_contents("$this->directory/queue/$name"), true);
            if (!isset($event['path'], $event['body'])) {
                $this->reject($name, 'the file cannot be read');
                continue;
            }
            $tried++;
            ['status' => $status, 'error' => $error] = $sender->post($event['path'], $event['body']);
            if ($status >= 200 && $status < 300) {
                @unlink("$this->directory/queue/$name");
                $sent++;
            } elseif ($status === 0 || in_array($status, self::PATIENCE, true)) {
                $stop = $status === 0 ? $error : "the backend answered $status";
                @touch("$this->directory/paused");
                break;
            } elseif ($status >= 400 && $status < 500) {
                $this->reject($name, "the backend answered $status");
            } else {
                $held[$subject] = true;
                $this->log("the backend answered $status to $subject $eventId, which stays");
            }
        }
        $this->conclude($sent, $stop);
        return $stop === '' && $held === [];
    }

    private function conclude(int $sent, string $stop): void
    {
        if ($stop !== '') {
            $this->log("stopped after $sent sent, $stop: " . $this->status());
        } elseif ($sent > 0) {
            @unlink("$this->directory/paused");
        }
    }

    private function makeRoom(): void
    {
        $names = $this->names('queue');
        $excess = count($names) + 1 - $this->queueEventsMax;
        foreach (array_slice($names, 0, max(0, $excess)) as $name) {
            $this->reject($name, "the spool is full ($this->queueEventsMax events)");
        }
    }

    private function sweep(): void
    {
        clearstatcache();
        foreach ($this->names('queue') as $name) {
            if ($this->ageSeconds("queue/$name") > self::QUEUE_DAYS_MAX * self::DAY_SECONDS) {
                $this->reject($name, 'it waited longer than ' . self::QUEUE_DAYS_MAX . ' days');
            }
        }
        $rejected = $this->names('rejected');
        $excess = count($rejected) - self::REJECTED_EVENTS_MAX;
        foreach ($rejected as $index => $name) {
            $isOld = $this->ageSeconds("rejected/$name") > self::REJECTED_DAYS_MAX * self::DAY_SECONDS;
            if (($isOld || $index < $excess) && @unlink("$this->directory/rejected/$name")) {
                $this->log("removed the rejected $name, " . ($isOld ? 'too old' : 'too many of them'));
            }
        }
        foreach (glob("$this->directory/tmp/*.json") ?: [] as $path) {
            if (time() - (int) @filemtime($path) > self::TMP_SECONDS_MAX) {
                @unlink($path);
            }
        }
    }

    private function reject(string $name, string $reason): void
    {
        if ($this->move($name, 'queue', 'rejected')) {
            // The days among the rejected are counted from here.
            @touch("$this->directory/rejected/$name");
            $this->log("rejected $name: $reason");
        }
    }

    private function move(string $name, string $from, string $to): bool
    {
        return @rename("$this->directory/$from/$name", "$this->directory/$to/$name");
    }

    /** @return string[] the oldest first */
    private function names(string $part): array
    {
        return array_values(preg_grep(self::NAME, @scandir("$this->directory/$part") ?: []));
    }

    private function partsOf(string $name): array
    {
        preg_match(self::NAME, $name, $parts);
        return $parts;
    }

    private function ageSeconds(string $path): int
    {
        $since = @filemtime("$this->directory/$path");
        return $since === false ? 0 : time() - $since;
    }

    private function log(string $message): void
    {
        $path = "$this->directory/cvety.log";
        clearstatcache(true, $path);
        if ((int) @filesize($path) > self::LOG_BYTES_MAX) {
            @rename($path, "$path.1");
        }
        @file_put_contents($path, date('c') . " $message\n", FILE_APPEND | LOCK_EX);
    }
}
