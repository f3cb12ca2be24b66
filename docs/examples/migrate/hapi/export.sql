-- For psql. Writes the CSV file of "lingpai users import" to standard output. session_key is not in it: it is a secret of WeChat's, and stale.
copy (
  select id::text as sub, -- the id that your orders name people by, and that the old tokens hold
    :'app' as app, -- an openid says nothing without the app that it belongs to
    open_id as openid,
    case when nick_name <> '微信用户' then nick_name end as nickname, -- WeChat's grey name is nobody's
    case when avatar_url like 'https://%' then avatar_url end as picture,
    case gender when 1 then 'male' when 2 then 'female' end as gender,
    floor(extract(epoch from created_at))::bigint as created_at
  from users
  where open_id <> '' -- without one nobody could sign in
  order by id
) to stdout with (format csv, header);
