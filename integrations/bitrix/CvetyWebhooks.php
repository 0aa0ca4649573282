<?php

/**
 * Tells the cvety backend what happens in this 1C-Bitrix site: products and order statuses.
 *
 * A handler writes its event to the spool and returns; the sending is left to the end of the request, and to flush.php
 * for what could not be sent then. No handler throws: what florists save is saved whether or not anybody hears of it.
 *
 * A product event carries the product as it was read after `occurred_at`, so of two events about one product the later
 * one knows at least as much, unless two requests read it the other way round; the backend walks through the list of
 * goods besides and finds what such a pair left wrong.
 *
 * Settings are constants or, where there is none, variables of the environment; config.example.php lists them.
 */
require_once __DIR__ . '/CvetyProduct.php';
require_once __DIR__ . '/CvetySender.php';
require_once __DIR__ . '/CvetySpool.php';

final class CvetyWebhooks
{
    private const PRODUCT_PATH = '/webhooks/product-sync';
    private const ORDER_PATH = '/webhooks/order-status-sync';

    private const REQUEST_EVENTS_MAX = 20;
    private const REQUEST_SECONDS_MAX = 5.0;
    private const CRON_EVENTS_MAX = 500;
    private const CRON_SECONDS_MAX = 50.0;
    private const MOMENT_WAITS_MAX = 5;
    private const MOMENT_WAIT_US = 300;

    private static ?CvetySpool $spool = null;
    private static ?DateTimeImmutable $lastMoment = null;
    private static bool $isSendingPlanned = false;
    /** What this request told last of a product, by its id. */
    private static array $lastToldById = [];

    /** To be called once per request, from init.php. */
    public static function register(): void
    {
        AddEventHandler('iblock', 'OnAfterIBlockElementAdd', [self::class, 'onProductAdded']);
        AddEventHandler('iblock', 'OnAfterIBlockElementUpdate', [self::class, 'onProductChanged']);
        AddEventHandler('iblock', 'OnAfterIBlockElementSetPropertyValuesEx', [self::class, 'onPropertiesChanged']);
        AddEventHandler('iblock', 'OnAfterIBlockElementDelete', [self::class, 'onProductDeleted']);
        \Bitrix\Main\EventManager::getInstance()->addEventHandler(
            'sale',
            'OnSaleStatusOrderChange',
            [self::class, 'onOrderStatusChanged']
        );
    }

    /** @param array $fields what was saved; RESULT is false when it was refused */
    public static function onProductAdded($fields): void
    {
        self::quietly(function () use ($fields): void {
            self::tellProductSaved('product.created', $fields);
        });
    }

    /** @param array $fields */
    public static function onProductChanged($fields): void
    {
        self::quietly(function () use ($fields): void {
            self::tellProductSaved('product.updated', $fields);
        });
    }

    /** Properties that are written past the element, the price among them, fire no event of the element. */
    public static function onPropertiesChanged($id, $iblockId): void
    {
        self::quietly(function () use ($id, $iblockId): void {
            self::tellProductSaved('product.updated', ['ID' => $id, 'IBLOCK_ID' => $iblockId]);
        });
    }

    /** @param array|int|string $element the row that was, or its id alone */
    public static function onProductDeleted($element): void
    {
        self::quietly(function () use ($element): void {
            $fields = is_array($element) ? $element : ['ID' => $element];
            $id = (int) ($fields['ID'] ?? 0);
            if ($id <= 0 || !self::isOurs($fields)) {
                return;
            }
            unset(self::$lastToldById[$id]);
            $what = ['event_type' => 'product.deleted', 'product_data' => ['id' => $id]];
            self::tell(self::PRODUCT_PATH, "product-$id", self::nextMoment(), $what);
        });
    }

    /** @param \Bitrix\Main\Event $event */
    public static function onOrderStatusChanged($event): void
    {
        self::quietly(function () use ($event): void {
            $id = (int) $event->getParameter('ENTITY')->getId();
            $status = (string) $event->getParameter('VALUE');
            if ($id <= 0 || $status === '') {
                return;
            }
            $what = [
                'order_id' => $id,
                'status' => $status,
                'notes' => 'Статус в Bitrix: ' . $event->getParameter('OLD_VALUE') . ' → ' . $status,
            ];
            $userId = self::userId();
            if ($userId > 0) {
                $what['changed_by_id'] = $userId;
            }
            self::tell(self::ORDER_PATH, "order-$id", self::nextMoment(), $what);
        });
    }

    /** Sends what waits, for as long as a run of cron may take. False when something is left for the next run. */
    public static function flush(): bool
    {
        return self::spool()->flush(self::sender(), self::CRON_EVENTS_MAX, self::CRON_SECONDS_MAX);
    }

    public static function spool(): CvetySpool
    {
        return self::$spool = self::$spool ?? new CvetySpool(self::setting('CVETY_SPOOL_DIR'));
    }

    /** The end of a request: sends a few, unless the backend was out of reach a moment ago. */
    public static function sendSoon(): void
    {
        self::quietly(static function (): void {
            if (!self::spool()->isPaused()) {
                self::spool()->flush(self::sender(), self::REQUEST_EVENTS_MAX, self::REQUEST_SECONDS_MAX);
            }
        });
    }

    private static function tellProductSaved(string $type, array $fields): void
    {
        $id = (int) ($fields['ID'] ?? 0);
        if ($id <= 0 || ($fields['RESULT'] ?? true) === false || !self::isOurs($fields)) {
            return;
        }
        $moment = self::nextMoment();
        $product = CvetyProduct::read($id, self::iblockIds(), self::setting('CVETY_SITE_ORIGIN', ''));
        // Nothing is found of the copies that workflow keeps, either.
        if ($product === null || $product === (self::$lastToldById[$id] ?? null)) {
            return;
        }
        $what = ['event_type' => $type, 'product_data' => $product];
        self::tell(self::PRODUCT_PATH, "product-$id", $moment, $what);
        self::$lastToldById[$id] = $product;
    }

    private static function tell(string $path, string $subject, DateTimeImmutable $moment, array $what): void
    {
        $eventId = 'bitrix-' . bin2hex(random_bytes(16));
        $body = ['event_id' => $eventId, 'occurred_at' => $moment->format('Y-m-d\TH:i:s.uP')] + $what;
        $flags = JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES | JSON_INVALID_UTF8_SUBSTITUTE | JSON_THROW_ON_ERROR;
        self::spool()->add($path, $subject, $moment, $eventId, json_encode($body, $flags));
        self::planSending();
    }

    private static function planSending(): void
    {
        if (self::$isSendingPlanned) {
            return;
        }
        self::$isSendingPlanned = true;
        $application = '\Bitrix\Main\Application';
        // Bitrix runs background jobs after the answer has gone out.
        if (method_exists($application, 'addBackgroundJob')) {
            $application::getInstance()->addBackgroundJob([self::class, 'sendSoon']);
        } else {
            register_shutdown_function([self::class, 'sendSoon']);
        }
    }

    /** Now, and later than any moment that this process was given before: by 1 ms, for receivers that keep no more. */
    private static function nextMoment(): DateTimeImmutable
    {
        $now = new DateTimeImmutable();
        $earliest = self::$lastMoment === null ? $now : self::$lastMoment->modify('+1 msec');
        // Waits, because an event must not claim to know what is saved after its product was read.
        for ($wait = 0; $now < $earliest && $wait < self::MOMENT_WAITS_MAX; $wait++) {
            usleep(self::MOMENT_WAIT_US);
            $now = new DateTimeImmutable();
        }
        // The clock was set back.
        return self::$lastMoment = max($now, $earliest);
    }

    private static function isOurs(array $fields): bool
    {
        return !isset($fields['IBLOCK_ID']) || in_array((int) $fields['IBLOCK_ID'], self::iblockIds(), true);
    }

    /** @return int[] */
    private static function iblockIds(): array
    {
        $ids = array_map('intval', explode(',', self::setting('CVETY_IBLOCK_IDS')));
        if (min($ids) <= 0) {
            throw new RuntimeException('CVETY_IBLOCK_IDS is to be a list of ids, such as 5,7');
        }
        return $ids;
    }

    private static function userId(): int
    {
        $user = $GLOBALS['USER'] ?? null;
        return is_object($user) ? (int) $user->GetID() : 0;
    }

    private static function sender(): CvetySender
    {
        return new CvetySender(self::setting('CVETY_BASE_URL'), self::setting('CVETY_WEBHOOK_SECRET'));
    }

    private static function setting(string $name, ?string $default = null): string
    {
        $value = defined($name) ? constant($name) : getenv($name);
        if ((string) $value !== '') {
            return (string) $value;
        }
        if ($default === null) {
            throw new RuntimeException("$name is not set");
        }
        return $default;
    }

    private static function quietly(callable $handler): void
    {
        try {
            $handler();
        } catch (Throwable $failure) {
            // The message alone: a trace would show arguments.
            error_log('cvety: ' . get_class($failure) . ': ' . $failure->getMessage());
        }
    }
}
