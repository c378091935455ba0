begin;
select plan(7);

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

select * from finish();
rollback;
