-- For psql. Writes a CSV file for "lingpai users import" to standard output. It leaves out session_key, which is a secret and stale.
copy (
  select id::text as sub, -- the id that your orders and the old tokens use
    :'app' as app, -- an openid is meaningless without its app
    open_id as openid,
    case when nick_name <> '微信用户' then nick_name end as nickname, -- WeChat's placeholder name
    case when avatar_url like 'https://%' then avatar_url end as picture,
    case gender when 1 then 'male' when 2 then 'female' end as gender,
    floor(extract(epoch from created_at))::bigint as created_at
  from users
  where open_id <> '' -- without an openid a user could not sign in
  order by id
) to stdout with (format csv, header);
