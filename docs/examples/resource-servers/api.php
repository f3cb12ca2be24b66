<?php
// An API that checks Lingpai's access tokens itself, with firebase/php-jwt and APCu. ISSUER and AUDIENCE come from the environment.
// Not run by us: Debian has no package of the library. Start: php -S 127.0.0.1:$PORT api.php
require 'vendor/autoload.php';

use Firebase\JWT\JWK;
use Firebase\JWT\JWT;

// keySet is Lingpai's keys: kept in APCu, since each request of PHP begins with nothing; fetched when they are five minutes old or
// lack the token's kid, once in ten seconds; and the last good ones while Lingpai is down.
function keySet(string $token): ?array
{
    $kept = apcu_fetch('lingpai-keys') ?: ['keys' => null, 'until' => 0];
    $kid = json_decode((string) base64_decode(strtr(explode('.', $token)[0], '-_', '+/')), true)['kid'] ?? null;
    $known = in_array($kid, array_column($kept['keys']['keys'] ?? [], 'kid'), true);
    if ((!$known || time() >= $kept['until']) && apcu_add('lingpai-asked', true, 10)) {
        $wait = stream_context_create(['http' => ['timeout' => 3, 'follow_location' => 0]]);
        $fresh = json_decode((string) @file_get_contents(getenv('ISSUER') . '/.well-known/jwks.json', false, $wait), true);
        if (isset($fresh['keys'][0])) {
            apcu_store('lingpai-keys', $kept = ['keys' => $fresh, 'until' => time() + 300]);
        }
    }
    return $kept['keys'];
}

// claimsOf is what the token says, once it has turned out to be one of Lingpai's for this API.
function claimsOf(string $token, array $keys): object
{
    $header = new stdClass();
    $claims = JWT::decode($token, JWK::parseKeySet($keys, 'RS256'), $header); // signature and times, and nothing else
    $wrong = $header->alg !== 'RS256' || ($header->typ ?? '') !== 'at+jwt' // ID tokens have another type
        || ($claims->iss ?? '') !== getenv('ISSUER') || !in_array(getenv('AUDIENCE'), (array) ($claims->aud ?? []), true)
        || !isset($claims->exp, $claims->sub, $claims->client_id);
    return $wrong ? throw new UnexpectedValueException('not an access token for this API') : $claims;
}

function answer(int $status, array $body, string $challenge = ''): never
{
    http_response_code($status);
    header('Content-Type: application/json');
    $challenge === '' || header("WWW-Authenticate: $challenge");
    exit(json_encode($body));
}

// The header and nothing else: what stands in a URL ends in logs.
if (!preg_match('/^Bearer ([\w.-]+)$/iD', $_SERVER['HTTP_AUTHORIZATION'] ?? '', $found)) {
    answer(401, ['error' => 'no token'], 'Bearer');
}
$keys = keySet($found[1]) ?? answer(503, ['error' => 'no keys yet']); // our trouble and not the caller's, who keeps his token
try {
    $claims = claimsOf($found[1], $keys);
} catch (Throwable) {
    answer(401, ['error' => 'invalid_token'], 'Bearer error="invalid_token"');
}
if (!in_array('api', explode(' ', $claims->scope ?? ''), true)) {
    answer(403, ['error' => 'insufficient_scope'], 'Bearer error="insufficient_scope", scope="api"');
}
answer(200, ['sub' => $claims->sub, 'user' => isset($claims->sid)]); // without a session a client acts for itself
