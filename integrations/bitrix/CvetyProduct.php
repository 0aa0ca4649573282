<?php

/**
 * A product as its information block has it, in the shape of an item of the site's own list of products.
 *
 * Values are handed on as they are written, prices and sizes too: the backend reads every spelling, and keeps what it
 * has where it cannot. A property that the block lacks is left out, so that nothing is blanked by it.
 */
final class CvetyProduct
{
    /** Keys of the item and the codes of the properties that hold them; adjust the codes to the block. */
    private const CODE_BY_KEY = [
        'price' => 'PRICE',
        'width' => 'WIDTH',
        'height' => 'HEIGHT',
        'catalogWidth' => 'CATALOG_WIDTH',
        'catalogHeight' => 'CATALOG_HEIGHT',
        'duration' => 'DURATION',
        'discount' => 'DISCOUNT',
        'colors' => 'COLORS',
    ];
    private const IMAGES_CODE = 'IMAGES';
    private const READY_CODE = 'IS_READY';
    private const IMAGES_MAX = 20;

    /** @param int[] $iblockIds */
    public static function read(int $id, array $iblockIds, string $siteOrigin): ?array
    {
        \Bitrix\Main\Loader::includeModule('iblock');
        $found = \CIBlockElement::GetList(
            [],
            ['ID' => $id, 'IBLOCK_ID' => $iblockIds, 'CHECK_PERMISSIONS' => 'N'],
            false,
            ['nTopCount' => 1],
            ['ID', 'IBLOCK_ID', 'NAME', 'ACTIVE', 'PREVIEW_PICTURE', 'DETAIL_PICTURE', 'DATE_CREATE_UNIX']
        );
        $element = $found->GetNextElement();
        if (!$element) {
            return null;
        }
        $fields = $element->GetFields();
        return self::itemOf($id, $fields, $element->GetProperties(), rtrim($siteOrigin, '/'));
    }

    private static function itemOf(int $id, array $fields, array $properties, string $siteOrigin): array
    {
        $item = [
            'id' => $id,
            // Beside its escaped value a field keeps the one that was typed.
            'title' => (string) ($fields['~NAME'] ?? $fields['NAME'] ?? ''),
            'isAvailable' => ($fields['ACTIVE'] ?? '') === 'Y',
            'image' => self::urlOf(($fields['PREVIEW_PICTURE'] ?? null) ?: ($fields['DETAIL_PICTURE'] ?? null), $siteOrigin),
        ];
        if (is_numeric($fields['DATE_CREATE_UNIX'] ?? null)) {
            $item['createdAt'] = date('Y-m-d\TH:i:sO', (int) $fields['DATE_CREATE_UNIX']);
        }
        foreach (self::CODE_BY_KEY as $key => $code) {
            if (isset($properties[$code])) {
                $item[$key] = self::valueOf($properties[$code]);
            }
        }
        if (isset($properties[self::IMAGES_CODE])) {
            $item['images'] = self::urlsOf(self::valueOf($properties[self::IMAGES_CODE]), $siteOrigin);
        }
        if (isset($properties[self::READY_CODE])) {
            $item['type'] = self::isYes($properties[self::READY_CODE]) ? 'vitrina' : 'catalog';
        }
        return $item;
    }

    /** @return mixed text, a list of texts, false or null */
    private static function valueOf(array $property)
    {
        return $property['~VALUE'] ?? $property['VALUE'] ?? null;
    }

    private static function isYes(array $property): bool
    {
        // A value out of a list has a code of its own; its text depends on the language.
        $value = ($property['VALUE_XML_ID'] ?? null) ?: ($property['VALUE'] ?? '');
        $text = is_scalar($value) ? (string) $value : '';
        return in_array($text, ['Y', 'y', 'YES', 'Yes', 'yes', '1', 'ДА', 'Да', 'да'], true);
    }

    /** @param mixed $files ids of files, or URLs */
    private static function urlsOf($files, string $siteOrigin): array
    {
        $urls = [];
        foreach (array_slice(is_array($files) ? $files : [$files], 0, self::IMAGES_MAX) as $file) {
            $url = self::urlOf($file, $siteOrigin);
            if ($url !== null) {
                $urls[] = $url;
            }
        }
        return $urls;
    }

    /** @param mixed $file */
    private static function urlOf($file, string $siteOrigin): ?string
    {
        $url = is_numeric($file) ? (string) \CFile::GetPath((int) $file) : (is_string($file) ? $file : '');
        if ($url === '') {
            return null;
        }
        return $url[0] === '/' && substr($url, 0, 2) !== '//' ? $siteOrigin . $url : $url;
    }
}
