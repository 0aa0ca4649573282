<?php

/** Copy to config.php, or set variables of the environment with these names for PHP-FPM and for cron. */

// Where the backend takes webhooks: what precedes /webhooks/product-sync.
define('CVETY_BASE_URL', 'https://backend.example/api/v1');
// The same as WEBHOOK_SECRET of the backend.
define('CVETY_WEBHOOK_SECRET', '');
// Information blocks of the products, separated by commas.
define('CVETY_IBLOCK_IDS', '');
// On a local disk, outside of the web root; writable for PHP-FPM and for cron.
define('CVETY_SPOOL_DIR', '/var/spool/cvety');
// Put before the paths of images: https://shop.example. Empty: the paths stay relative.
define('CVETY_SITE_ORIGIN', '');
