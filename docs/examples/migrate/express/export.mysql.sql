-- For the mysql client. Writes JSON lines to standard output. A null member counts as absent.
SELECT JSON_OBJECT(
  'sub', CAST(id AS CHAR),
  'username', IF(password_hash IS NULL, NULL, username),
  'password_hash', IF(password_hash REGEXP '^[$]2[aby][$]', password_hash, NULL),
  'nickname', NULLIF(nickname, '微信用户'), -- WeChat's placeholder name
  'picture', IF(avatar LIKE 'https://%', avatar, NULL),
  'email', email,
  'created_at', FLOOR(UNIX_TIMESTAMP(created_at)),
  'disabled', JSON_EXTRACT(IF(is_active IS FALSE, 'true', 'false'), '$'), -- MySQL's TRUE is the number 1
  'app', IF(openid <> '', @app, NULL),
  'openid', NULLIF(openid, '')
) FROM users ORDER BY id;
