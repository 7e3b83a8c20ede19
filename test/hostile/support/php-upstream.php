<?php

// Says what PHP's superglobals, and frameworks that are built on them, find of priced fields: for `php -S`.

$method = $_SERVER['REQUEST_METHOD'];
$type = $_SERVER['CONTENT_TYPE'] ?? '';
$json = json_decode(file_get_contents('php://input'), true);
$json = is_array($json) ? $json : [];
// Laravel and Symfony
$isJson = str_contains($type, '/json') || str_contains($type, '+json');
$body = $isJson ? $json : $_POST;
$named = $body['_method'] ?? $_GET['_method'] ?? null;
if ($method === 'POST' && is_string($named)) {
    $method = strtoupper($named);
}
$input = ($method === 'GET' ? $_GET : $body) + $_GET;

$readings = match (explode('/', parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH))[1] ?? '') {
    'form' => ['post' => $_POST, 'request' => $_REQUEST, 'input' => $input],
    'make' => ['json' => $json, 'input' => $input],
    default => ['get' => $_GET, 'request' => $_REQUEST, 'input' => $input],
};
$fields = array_flip(['text', 'steps', 'quality']);
$answer = json_encode(
    ['method' => $method, 'readings' => array_map(fn($each) => (object) array_intersect_key($each, $fields), $readings)],
    JSON_INVALID_UTF8_SUBSTITUTE,
);
header('Content-Type: application/json');
header('Content-Length: ' . strlen($answer));
echo $answer;
