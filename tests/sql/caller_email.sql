begin;
select plan(37);

-- The function itself is nobody's to call, so it is asked through one that runs as its owner.
insert into hubspot_sync.admin_users (email) values ('boss@example.com');
create function pg_temp.who() returns text language sql security definer as $$
  select coalesce(hubspot_sync.caller_email(), '(everybody)')
$$;
create role h5_app login inherit;
create role h5_backend login inherit;
create role h5_gateway login noinherit;
grant authenticated to h5_app;
grant service_role to h5_backend;
grant anon, authenticated, service_role to h5_gateway;

select is(pg_temp.who(), '(everybody)', 'the owner may touch everybody''s rows');
select set_config('request.jwt.claims', '{"email":"ann@example.com"}', true);
select is(pg_temp.who(), '(everybody)', 'also with a student''s claims');
set local role service_role;
select is(pg_temp.who(), '(everybody)', 'so may service_role');
select set_config('request.jwt.claims', 'no JSON', true);
select is(pg_temp.who(), '(everybody)', 'whatever the claims are');
reset role;

set local role authenticated;
create function pg_temp.as_claims(p_claims text) returns text language plpgsql as $$
begin
  perform set_config('request.jwt.claims', p_claims, true);
  return pg_temp.who();
exception when others then
  return sqlstate;
end
$$;
select is(pg_temp.as_claims(c.claims), c.is_who, c.fact)
  from (values
    ('{"email":"ann@example.com"}', 'ann@example.com', 'a student is their email'),
    ('{"email":"  ANN@Example.com "}', 'ann@example.com', 'in lower case, without blanks'),
    ('{"email":"boss@example.com"}', '(everybody)', 'an administrator is everybody'),
    ('{"email":" BOSS@Example.Com "}', '(everybody)', 'however it is spelled'),
    ('{"email":"boss@example.com.evil.org"}', 'boss@example.com.evil.org',
     'an email that begins like an administrator''s is not one'),
    ('{"email":"%"}', '%', 'a pattern is an email like another'),
    ('{"email":"''; drop table hubspot_sync.admin_users; --"}',
     '''; drop table hubspot_sync.admin_users; --', 'an injection, too'),
    ('{"email":"bob@example.com","user_metadata":{"email":"boss@example.com"}}',
     'bob@example.com', 'what a user may edit counts for nothing'),
    ('{"email":"bob@example.com","app_metadata":{"email":"boss@example.com","role":"admin"}}',
     'bob@example.com', 'nor do other parts of the claims'),
    ('{"email":"bob@example.com","role":"service_role"}', 'bob@example.com',
     'a role in the claims is no role in the database'),
    ('{"email":"ann@example.com","is_anonymous":false}', 'ann@example.com',
     'who is said not to be anonymous is not'),
    ('{"email":"ann@example.com","is_anonymous":true}', '42501', 'an anonymous login is refused'),
    ('{"email":"boss@example.com","is_anonymous":true}', '42501',
     'also with an administrator''s email'),
    (null, '42501', 'no claims are refused'),
    ('', '42501', 'empty claims, as PostgREST leaves them, are refused'),
    ('  ', '42501', 'so are blank ones'),
    ('{email:ann@example.com}', '42501', 'claims that are no JSON are refused, not an error'),
    ('"ann@example.com"', '42501', 'a text is no claims'),
    ('["email","ann@example.com"]', '42501', 'nor is a list'),
    ('null', '42501', 'nor null'),
    ('7', '42501', 'nor a number'),
    ('{}', '42501', 'claims without an email are refused'),
    ('{"sub":"u-1","role":"service_role"}', '42501', 'also with a role'),
    ('{"email":null}', '42501', 'an email of null is none'),
    ('{"email":""}', '42501', 'nor an empty one, as logins by telephone have it'),
    ('{"email":"   "}', '42501', 'nor a blank one'),
    ('{"EMAIL":"ann@example.com"}', '42501', 'the claim is called email'),
    ('{"email":"ann@example.com\u0000"}', '42501', 'a character no text can hold is refused'),
    ('{"email":"ann@example.com","user_metadata":{"name":"\u0000"}}', '42501',
     'also where a user put it')
  ) as c (claims, is_who, fact);
reset role;

set local session authorization h5_app;
select set_config('request.jwt.claims', '{"email":"ann@example.com"}', true);
select is(pg_temp.who(), 'ann@example.com', 'a login role that did not switch is its claims');
select set_config('request.jwt.claims', '', true);
select throws_ok('select pg_temp.who()', '42501', null, 'without claims it is nobody');
set local session authorization h5_backend;
select is(pg_temp.who(), '(everybody)', 'a login role that is service_role''s is everybody');
set local session authorization h5_gateway;
select throws_ok('select pg_temp.who()', '42501', null,
                 'a gateway that could become service_role has not done so');
reset session authorization;

select * from finish();
rollback;
