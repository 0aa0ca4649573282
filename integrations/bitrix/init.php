<?php

/**
 * What /local/php_interface/init.php needs of this folder; see README.md. With the folder at
 * /local/php_interface/cvety, one line there is enough: require_once __DIR__ . '/cvety/init.php';
 */
if (is_file(__DIR__ . '/config.php')) {
    require_once __DIR__ . '/config.php';
}
require_once __DIR__ . '/CvetyWebhooks.php';

CvetyWebhooks::register();
