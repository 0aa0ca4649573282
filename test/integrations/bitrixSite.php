<?php

/**
 * One request to a site that has as much of 1C-Bitrix as the handlers touch. Standard input is JSON: the products by
 * id, and the events to fire one after another.
 */

namespace Bitrix\Main {
    final class Loader
    {
        public static function includeModule(string $module): bool
        {
            return true;
        }
    }

    final class EventManager
    {
        public static function getInstance(): self
        {
            return new self();
        }

        public function addEventHandler(string $module, string $event, callable $handler): void
        {
            \Site::$handlers["$module/$event"] = $handler;
        }
    }

    final class Application
    {
        public static function getInstance(): self
        {
            return new self();
        }

        public function addBackgroundJob(callable $job): void
        {
            \Site::$jobs[] = $job;
        }
    }

    final class Event
    {
        private array $parameters;

        public function __construct(array $parameters)
        {
            $this->parameters = $parameters;
        }

        public function getParameter(string $name)
        {
            return $this->parameters[$name] ?? null;
        }
    }
}

namespace {
    final class Site
    {
        public static array $handlers = [];
        public static array $jobs = [];
        public static array $products = [];
    }

    final class Order
    {
        private int $id;

        public function __construct(int $id)
        {
            $this->id = $id;
        }

        public function getId(): int
        {
            return $this->id;
        }
    }

    final class User
    {
        public function GetID(): string
        {
            return '42';
        }
    }

    final class Element
    {
        private array $product;

        public function __construct(array $product)
        {
            $this->product = $product;
        }

        public function GetFields(): array
        {
            return $this->product['fields'];
        }

        public function GetProperties(): array
        {
            return $this->product['properties'];
        }
    }

    final class Found
    {
        private ?array $product;

        public function __construct(?array $product)
        {
            $this->product = $product;
        }

        public function GetNextElement()
        {
            return $this->product === null ? false : new Element($this->product);
        }
    }

    final class CIBlockElement
    {
        public static function GetList($order, $filter, $group, $page, $select): Found
        {
            $product = Site::$products[$filter['ID']] ?? null;
            $isOurs = $product !== null && in_array($product['fields']['IBLOCK_ID'], $filter['IBLOCK_ID'], true);
            return new Found($isOurs ? $product : null);
        }
    }

    final class CFile
    {
        public static function GetPath(int $id): string
        {
            return "/upload/iblock/$id.jpg";
        }
    }

    function AddEventHandler(string $module, string $event, callable $handler): void
    {
        Site::$handlers["$module/$event"] = $handler;
    }

    require __DIR__ . '/../../integrations/bitrix/init.php';

    $USER = new User();
    $request = json_decode(stream_get_contents(STDIN), true);
    foreach ($request['events'] as ['name' => $name, 'args' => $args, 'products' => $products]) {
        Site::$products = $products;
        if ($name === 'sale/OnSaleStatusOrderChange') {
            $args = [new \Bitrix\Main\Event(['ENTITY' => new Order($args[0]), 'OLD_VALUE' => $args[1], 'VALUE' => $args[2]])];
        }
        call_user_func_array(Site::$handlers[$name], $args);
    }
    foreach (Site::$jobs as $job) {
        $job();
    }
    echo 'saved';
}
