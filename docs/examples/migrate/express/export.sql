-- For psql. Writes a CSV file for "lingpai users import" to standard output. It contains no refresh tokens and no session keys.
copy (
  select id::text as sub, -- the id that your orders and the old tokens use
    case when password_hash is not null then username end as username, -- skips names that the WeChat sign-in generated, since nobody types them
    case when password_hash ~ '^\$2[aby]\$' then password_hash end as password_hash, -- only bcrypt hashes can be verified
    nullif(nickname, '微信用户') as nickname, -- WeChat's placeholder name
    case when avatar like 'https://%' then avatar end as picture,
    email,
    floor(extract(epoch from created_at))::bigint as created_at,
    case when is_active is false then 'true' else 'false' end as disabled,
    case when openid <> '' then :'app' end as app, -- an openid is meaningless without its app
    nullif(openid, '') as openid
  from users
  order by id
) to stdout with (format csv, header);
