-- For psql -At. Writes the users of one organization as JSON lines to standard output. A user may have openids of a mini-program and a website.
with known as (
  select u.*,
    nullif(u.properties, '')::jsonb as p,
    coalesce(nullif(u.password_type, ''), o.password_type) as kind, -- a user without a type uses the organization's
    coalesce(u.password_salt, '') || coalesce(o.password_salt, '') as pepper
  from "user" u join organization o on o.name = u.owner
  where u.owner = :'owner' and u.is_deleted is not true -- null in rows older than the column
), found as (
  select known.*,
    nullif(p ->> 'wechatOpenId', '') as mini_openid,
    nullif(p ->> 'oauth_WeChat_extra', '')::jsonb ->> ('wechat_openid_' || :'web_app') as web_openid, -- JSON within JSON
    case when kind = 'bcrypt' and password ~ '^\$2[aby]\$'
      or kind = 'argon2id' and pepper = '' and password ~ '^\$argon2id\$v=19\$m=\d+,t=\d+,p=[1-4]\$' then password end as kept_hash -- "hash" is already a column
  from known
)
select jsonb_strip_nulls(jsonb_build_object(
  'sub', id, -- the "sub" of Casdoor's tokens
  'username', case when coalesce(password, '') <> '' then name end, -- skips names that the WeChat sign-in generated, since nobody types them
  'password_hash', kept_hash,
  'nickname', case when display_name not in ('', '微信用户') then display_name end, -- WeChat's placeholder name
  'picture', case when avatar like 'https://%' then avatar end,
  'email', case when email like '%@%' then email end,
  'phone', case when phone ~ '^1\d{10}$' and coalesce(country_code, '') in ('', 'CN') then phone end,
  'created_at', created_time,
  'disabled', is_forbidden is true,
  'accounts', (
    select jsonb_agg(jsonb_strip_nulls(jsonb_build_object('app', a.app, 'openid', a.openid, 'unionid',
      coalesce(nullif(p ->> 'wechatUnionId', ''), -- the website provider stores one id: the unionid, or the openid if there is none
        case when web_openid <> p ->> 'oauth_WeChat_id' then p ->> 'oauth_WeChat_id' end))))
    from (values (:'app', mini_openid), (:'web_app', web_openid)) as a(app, openid)
    where a.openid is not null)
)) from found order by created_time;
