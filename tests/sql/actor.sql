begin;
select plan(32);

select is(hubspot_sync.actor(), session_user::text,
          'without anything else the session''s user acts');

set local hubspot_sync.actor = 'cron';
select is(hubspot_sync.actor(), 'cron', 'the setting hubspot_sync.actor names who acts');

set local request.jwt.claims = '';
select is(hubspot_sync.actor(), 'cron', 'empty claims, as PostgREST sets them, say nothing');

set local request.jwt.claims = '{"role":"service_role"}';
select is(hubspot_sync.actor(), 'cron', 'claims without a person leave the setting');

set local request.jwt.claims = '{"sub":"u-1","role":"authenticated"}';
select is(hubspot_sync.actor(), 'u-1', 'claims without an email name the person by sub');

set local request.jwt.claims = '{"sub":"u-1","email":"ann@example.com"}';
select is(hubspot_sync.actor(), 'ann@example.com', 'the email of the claims comes first');

-- Inside a definer function current_user is the owner; a row of the audit log shows who acted.
set local request.jwt.claims = '';
set local hubspot_sync.actor = '';
grant usage on schema hubspot_sync to service_role;
grant insert on hubspot_sync.hubspot_mock_exams to service_role;
create policy test_writes on hubspot_sync.hubspot_mock_exams to service_role with check (true);
set local role service_role;
insert into hubspot_sync.hubspot_mock_exams (hubspot_id) values ('E-actor');
reset role;
select is((select a.actor from hubspot_sync.supabase_audit_log a where a.hubspot_id = 'E-actor'),
          'service_role', 'a role switched to is who acts, never the owner of a function');

-- The request's headers: an application with the service key says for whom it acts. ------------
set local request.jwt.claims = '';
set local hubspot_sync.actor = '';
set local request.headers = '{"x-actor":"boss@example.com"}';
select is(hubspot_sync.actor(), session_user::text,
          'a header of the session''s own user is not believed');
create function pg_temp.acting() returns text language sql security definer as $$
  select hubspot_sync.actor()
$$;
set local role authenticated;
select is(pg_temp.acting(), 'authenticated', 'a login''s header is not believed');
set local request.jwt.claims = '{"email":"ann@example.com"}';
select is(pg_temp.acting(), 'ann@example.com', 'a login is its claims, whatever its headers say');
set local request.jwt.claims = '';
set local role anon;
select is(pg_temp.acting(), 'anon', 'nor is anon''s header believed');
set local role service_role;
select is(pg_temp.acting(), 'boss@example.com', 'the application''s header is');
set local request.jwt.claims = '{"role":"service_role"}';
select is(pg_temp.acting(), 'boss@example.com', 'also with a JWT that names nobody');
set local request.jwt.claims = '{"email":"ann@example.com"}';
select is(pg_temp.acting(), 'ann@example.com', 'a JWT that names somebody comes first');
set local request.jwt.claims = '';
set local hubspot_sync.actor = 'cron';
select is(pg_temp.acting(), 'boss@example.com', 'the header comes before the setting');

-- What cannot be read is no person, and no error either: the writer's work comes first.
create function pg_temp.acting(p_claims text, p_headers text) returns text language plpgsql as $$
begin
  perform set_config('request.jwt.claims', p_claims, true);
  perform set_config('request.headers', p_headers, true);
  return pg_temp.acting();
exception when others then
  return sqlstate;
end
$$;
select is(pg_temp.acting(a.claims, a.headers), a.acts, a.fact)
  from (values
    ('', '{}', 'cron', 'without the header the setting acts'),
    ('', '{"x-actor":""}', 'cron', 'an empty header says nothing'),
    ('', '{"x-actor":"   "}', 'cron', 'nor does a blank one'),
    ('', '{"x-actor":null}', 'cron', 'nor one of null'),
    ('', '{"X-Actor":"boss@example.com"}', 'cron', 'PostgREST tells headers in lower case'),
    ('', '"x-actor"', 'cron', 'headers that are a text say nothing'),
    ('', '["x-actor"]', 'cron', 'nor do those that are a list'),
    ('', '{"x-actor":"  Boss  "}', 'Boss', 'blanks around do not matter'),
    ('', '{"x-actor":"''; drop table x; --"}', '''; drop table x; --', 'what is text stays text'),
    ('', jsonb_build_object('x-actor', repeat('x', 10000000))::text, repeat('x', 500),
     'of a long header the first 500 characters act'),
    ('no JSON', '', 'cron', 'claims that are no JSON say nothing'),
    ('  ', '', 'cron', 'nor do blank ones'),
    ('', 'no JSON', 'cron', 'nor headers that are no JSON'),
    ('[]', '', 'cron', 'nor claims that are a list'),
    ('{"email":"","sub":"u-1"}', '', 'u-1',
     'an empty email, as logins by telephone have it, is nobody'),
    ('{"email":"","sub":""}', '', 'cron', 'nor is an empty sub'),
    ('{"email":"ann@example.com\u0000"}', '', 'cron', 'nor what no text can hold')
  ) as a (claims, headers, acts, fact);
reset role;

select * from finish();
rollback;
