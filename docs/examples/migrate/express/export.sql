-- For psql. Writes the CSV file of "lingpai users import" to standard output; neither refresh tokens nor session keys are in it.
copy (
  select id::text as sub, -- the id that your orders name people by, and that the old tokens hold
    case when password_hash is not null then username end as username, -- a name that the sign-in by WeChat made up is typed by nobody
    case when password_hash ~ '^\$2[aby]\$' then password_hash end as password_hash, -- bcrypt; no other kind can be checked
    nullif(nickname, '微信用户') as nickname, -- WeChat's grey name is nobody's
    case when avatar like 'https://%' then avatar end as picture,
    email,
    floor(extract(epoch from created_at))::bigint as created_at,
    case when is_active is false then 'true' else 'false' end as disabled,
    case when openid <> '' then :'app' end as app, -- an openid says nothing without the app that it belongs to
    nullif(openid, '') as openid
  from users
  order by id
) to stdout with (format csv, header);
