<?php
// An API that verifies Lingpai access tokens offline, with firebase/php-jwt and APCu. ISSUER and AUDIENCE come from the environment.
// Not run by us: Debian has no package of the library. Start it with: php -S 127.0.0.1:9005 api.php
require 'vendor/autoload.php';

use Firebase\JWT\JWK;
use Firebase\JWT\JWT;

// keySet returns Lingpai's keys. It keeps them in APCu, since PHP keeps nothing between requests. It fetches them when they are five
// minutes old or lack the token's kid, at most every ten seconds. While Lingpai is down, it returns the last valid ones.
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

// claimsOf returns the claims of a valid access token for this API, and throws for any other token.
function claimsOf(string $token, array $keys): object
{
    $header = new stdClass();
    $claims = JWT::decode($token, JWK::parseKeySet($keys, 'RS256'), $header); // only signature and times
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

// Only the header: URLs end up in logs.
if (!preg_match('/^Bearer ([\w.-]+)$/iD', $_SERVER['HTTP_AUTHORIZATION'] ?? '', $found)) {
    answer(401, ['error' => 'no token'], 'Bearer');
}
$keys = keySet($found[1]) ?? answer(503, ['error' => 'no keys yet']); // the token may be valid, so the caller should keep it
try {
    $claims = claimsOf($found[1], $keys);
} catch (Throwable) {
    answer(401, ['error' => 'invalid_token'], 'Bearer error="invalid_token"');
}
if (!in_array('api', explode(' ', $claims->scope ?? ''), true)) {
    answer(403, ['error' => 'insufficient_scope'], 'Bearer error="insufficient_scope", scope="api"');
}
answer(200, ['sub' => $claims->sub, 'user' => isset($claims->sid)]); // without a session, the client acts for itself
