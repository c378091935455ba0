-- A note's way through the functions of the outbox.
begin;
select plan(34);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return '2030-01-01 12:00+00'::timestamptz + current_setting('test.later')::interval;
set local test.later = '0';

create function pg_temp.id(p_number integer) returns uuid language sql immutable as
  $$select ('00000000-0000-4000-8000-' || lpad(p_number::text, 12, '0'))::uuid$$;
insert into hubspot_sync.hubspot_contact_credits (id, hubspot_id, student_id, email)
values (pg_temp.id(1), 'C-1', 'S-1', 'ann@example.com'),
       (pg_temp.id(2), 'C-2', 'S-2', 'bob@example.com');
create function pg_temp.noted(p_student text) returns uuid language plpgsql as $$
declare
  v_note uuid;
begin
  perform api.grant_credits(c.student_id, c.email, 'cs_credits', 1, 'gift')
     from hubspot_sync.hubspot_contact_credits c where c.student_id = p_student;
  perform hubspot_sync.write_notes('bulk');
  select n.id into v_note
    from hubspot_sync.sync_notes n
    join hubspot_sync.hubspot_contact_credits c on c.id = n.contact
   where c.student_id = p_student
   order by n.entries desc
   limit 1;
  return v_note;
end
$$;
create temp table claimed of hubspot_sync.claimed_change;
create function pg_temp.claim() returns bigint language sql as $$
  delete from claimed;
  insert into claimed select * from hubspot_sync.claim_changes('sync_notes');
  select count(*) from claimed
$$;
create function pg_temp.finish(p_hubspot_id text) returns integer language sql as $$
  select hubspot_sync.finish_changes('sync_notes', jsonb_agg(jsonb_build_object(
           'record', c.record, 'epoch', c.epoch, 'hubspot_id', p_hubspot_id, 'sent', '{}'::jsonb)))
    from claimed c
$$;
create temp view open as
  select * from hubspot_sync.sync_queue where table_name = 'sync_notes' and not synced;
create temp table made (first uuid, second uuid);

-- Sent ---------------------------------------------------------------------------------------
insert into made values (pg_temp.noted('S-1'));
select is(pg_temp.claim(), 1::bigint, 'a note is claimed');
select results_eq(
  $$select c.operation, c.hubspot_id, c.contact_hubspot_id, c.unanswered, c.properties
      from claimed c$$,
  $$select 'upsert', null::text, 'C-1', false, jsonb_build_object(
             'hs_note_body', n.body, 'hs_timestamp', '1893499200000')
      from hubspot_sync.sync_notes n$$, 'with its text, its time and whose it is');
set local test.later = '10 seconds';
select is(pg_temp.finish('N-1'), 1, 'and acknowledged');
select row_eq('select hubspot_id, hubspot_last_sync_at from hubspot_sync.sync_notes',
              row('N-1'::text, hubspot_sync.clock()), 'HubSpot''s id is kept, with the time');
select results_eq(
  $$select distinct a.hubspot_sent_at from hubspot_sync.supabase_audit_log a
     where a.note is not null$$,
  $$select hubspot_sync.clock()$$, 'and what it tells is sent from then on');
select is_empty('table open', 'nothing of it is left to send');
select is_empty('select * from hubspot_sync.sync_shadow s, made where s.record = made.first',
                'nor is its text kept a second time');
select is((select q.queued from hubspot_sync.queue_differences('sync_notes') q), 0,
          'the full pass leaves it alone');
select is((select q.checked from hubspot_sync.queue_differences('sync_notes', p_all => true) q), 0,
          'even where it sends everything');

-- Not answered -------------------------------------------------------------------------------
update made set second = pg_temp.noted('S-2');
select is(pg_temp.claim(), 1::bigint, 'a second note');
select is(hubspot_sync.fail_changes('sync_notes', jsonb_agg(jsonb_build_object(
            'record', c.record, 'epoch', c.epoch, 'error', 'busy', 'unanswered', false,
            'charged', false, 'retry_after', 0))), 0, 'that HubSpot was too busy for')
  from claimed c;
select is(pg_temp.claim(), 1::bigint, 'is claimed again');
select is((select unanswered from claimed), false, 'without a doubt that HubSpot lacks it');
set local test.later = '3 minutes';
select is(pg_temp.claim(), 1::bigint, 'of a worker that never came back it is taken');
select row_eq('select unanswered, tried, settled from claimed', row(true, true, true),
              'with the doubt');
update hubspot_sync.hubspot_contact_credits set hubspot_id = 'C-22' where student_id = 'S-2';
set local test.later = '6 minutes';
select pg_temp.claim();
select is((select contact_hubspot_id from claimed), 'C-22', 'whose it is, is asked at each claim');
select is(pg_temp.finish('N-2'), 1, 'acknowledged after all');
select results_eq('select operation, next_attempt_at - hubspot_sync.clock() from open',
                  $$values ('resend', '1 minute'::interval)$$,
                  'it is looked for once more when nothing can arrive late');
set local test.later = '10 minutes';
select pg_temp.claim();
select row_eq('select operation, hubspot_id from claimed', row('upsert'::text, 'N-2'::text),
              'by the id it has');
select is(pg_temp.finish('N-3'), 1, 'then it may turn out to be another');
select is((select hubspot_id from hubspot_sync.sync_notes n, made where n.id = made.second), 'N-3',
          'which counts from then on');
select is_empty('table open', 'and that is all');

-- Answered wrongly ---------------------------------------------------------------------------
update made set second = pg_temp.noted('S-2');
select pg_temp.claim();
select is(pg_temp.finish('N-1'), 1, 'an id that another note has is acknowledged');
select is((select hubspot_id from hubspot_sync.sync_notes n, made where n.id = made.second), null,
          'but not taken');
select is((select e.hubspot_id from hubspot_sync.sync_errors e, made
            where e.record = made.second and e.resolved_at is null), 'N-1',
          'a person must look');
select is((select count(*) from api.verify() v where v.violations > 0), 0::bigint,
          'no invariant is broken by that');

-- Given up -----------------------------------------------------------------------------------
select is((select q.queued from hubspot_sync.queue_differences('sync_notes') q), 1,
          'the full pass queues a note that HubSpot does not have');
select row_eq(
  $$select name, outcome from hubspot_sync.discard_changes(array(select id from open))$$,
  row('S-2'::text, 'discarded'::text), 'a person may give it up; its name is its contact''s');
select is((select q.queued from hubspot_sync.queue_differences('sync_notes') q), 0,
          'then it stays given up');
select is((select count(*) from api.verify() v where v.violations > 0), 0::bigint,
          'which is in order');
select is(hubspot_sync.show_change(p_record => made.first) ->> 'hubspot_id', 'N-1',
          'a person may look at a note')
  from made;

-- A contact that is gone ---------------------------------------------------------------------
insert into hubspot_sync.hubspot_contact_credits (id, hubspot_id, student_id, email)
values (pg_temp.id(3), 'C-3', 'S-3', 'cat@example.com');
update hubspot_sync.hubspot_contact_credits set firstname = 'Cat' where student_id = 'S-3';
select is(hubspot_sync.write_notes('bulk'), 1, 'a note of a contact');
delete from hubspot_sync.hubspot_contact_credits where student_id = 'S-3';
select pg_temp.claim();
select is((select operation from claimed), 'nothing', 'that is deleted is never sent');
select pg_temp.finish(null);
select is((select count(*) from api.verify() v where v.violations > 0), 0::bigint,
          'and is gone with it');

select * from finish();
rollback;
