-- Runs once, as superuser, on an empty volume. Lingpai gets a role that owns its database and has no other rights.
\set password `cat /run/secrets/lingpai_password`
CREATE ROLE lingpai LOGIN PASSWORD :'password';
CREATE DATABASE lingpai OWNER lingpai;
REVOKE ALL ON DATABASE lingpai FROM PUBLIC;
