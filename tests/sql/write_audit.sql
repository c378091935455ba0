begin;
select plan(31);

set local request.jwt.claims = '{"email":"admin@example.com"}';
create temp table seen (last bigint);
insert into seen select coalesce(max(id), 0) from hubspot_sync.supabase_audit_log;
create temp view news as
  select a.* from hubspot_sync.supabase_audit_log a, seen where a.id > seen.last order by a.id;
create function pg_temp.look() returns void language sql as
  'update seen set last = (select max(id) from hubspot_sync.supabase_audit_log)';

-- Inserts ------------------------------------------------------------------------------------
insert into hubspot_sync.hubspot_mock_exams (id, hubspot_id, mock_exam_name, capacity)
values ('00000000-0000-4000-8000-0000000000e1', 'E-1', 'First', 5);
select row_eq(
  $$select table_name, record, hubspot_id, operation, changed_fields, old_values, actor,
           hubspot_sent_at from news$$,
  row('hubspot_mock_exams'::text, '00000000-0000-4000-8000-0000000000e1'::uuid, 'E-1'::text,
      'insert'::text, null::text[], null::jsonb, 'admin@example.com'::text, null::timestamptz),
  'a new record is audited with its id, its HubSpot id and the person');
select ok((select new_values @> '{"mock_exam_name": "First", "capacity": 5}'
                  and not new_values ? 'location' from news),
          'with all its values, without nulls');
select is((select event_type from news), null, 'only bookings have events');

do 'begin perform pg_temp.look(); end';
insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email)
values ('C-1', 'S-1', 'ann@example.com');
select row_eq('select table_name, operation, hubspot_id from news',
              row('hubspot_contact_credits'::text, 'insert'::text, 'C-1'::text),
              'contacts are audited');
do 'begin perform pg_temp.look(); end';
insert into hubspot_sync.hubspot_bookings
  (booking_id, mock_exam_id, contact_id, student_id, student_email, is_active, idempotency_key,
   idempotency_request, idempotency_result)
values ('1', 'E-1', 'C-1', 'S-1', 'ann@example.com', 'active', 'key-1', '{"a": 1}', '{"b": 2}');
select row_eq(
  $$select table_name, operation, event_type, new_values ->> 'is_active',
           new_values ? 'idempotency_request' or new_values ? 'idempotency_result' from news$$,
  row('hubspot_bookings'::text, 'insert'::text, 'created'::text, 'Active'::text, false),
  'a booking is audited as it was stored, without its request and answer');

-- Updates ------------------------------------------------------------------------------------
do 'begin perform pg_temp.look(); end';
update hubspot_sync.hubspot_mock_exams
   set capacity = 6, location = 'Lab', mock_exam_name = mock_exam_name, updated_at = now()
 where hubspot_id = 'E-1';
select set_eq('select unnest(changed_fields) from news', array['capacity', 'location'],
              'an update is audited with the fields that changed');
select row_eq('select operation, old_values, new_values from news',
              row('update'::text, '{"capacity": 5, "location": null}'::jsonb,
                  '{"capacity": 6, "location": "Lab"}'::jsonb),
              'with their old and new values, and no others');

do 'begin perform pg_temp.look(); end';
update hubspot_sync.hubspot_mock_exams set location = null where hubspot_id = 'E-1';
select row_eq('select old_values, new_values from news',
              row('{"location": "Lab"}'::jsonb, '{"location": null}'::jsonb),
              'a value that is cleared is a change');

do 'begin perform pg_temp.look(); end';
update hubspot_sync.hubspot_mock_exams set capacity = capacity where hubspot_id = 'E-1';
update hubspot_sync.hubspot_mock_exams set updated_at = now() + interval '1 day'
 where hubspot_id = 'E-1';
update hubspot_sync.hubspot_mock_exams set synced_at = now(), hubspot_last_sync_at = now()
 where hubspot_id = 'E-1';
select is_empty('table news', 'what changes nothing, or only times, is not audited');
update hubspot_sync.hubspot_bookings set hubspot_id = 'B-1', hubspot_last_sync_at = now()
 where booking_id = '1';
select is_empty('table news', 'HubSpot''s id that is written back is not audited');
update hubspot_sync.hubspot_bookings set attendance = 'yes' where booking_id = '1';
select row_eq('select hubspot_id, event_type, changed_fields from news',
              row('B-1'::text, 'attended'::text, array['attendance']),
              'but named by every later row');

-- Events -------------------------------------------------------------------------------------
do 'begin perform pg_temp.look(); end';
update hubspot_sync.hubspot_bookings set is_active = 'canceled' where booking_id = '1';
update hubspot_sync.hubspot_bookings set is_active = 'Active' where booking_id = '1';
update hubspot_sync.hubspot_bookings set is_active = 'Completed' where booking_id = '1';
update hubspot_sync.hubspot_bookings set attendance = 'No Show' where booking_id = '1';
update hubspot_sync.hubspot_bookings set mock_exam_id = 'E-2' where booking_id = '1';
update hubspot_sync.hubspot_bookings set mock_exam_id = 'E-1', is_active = 'Cancelled'
 where booking_id = '1';
delete from hubspot_sync.hubspot_bookings where booking_id = '1';
select results_eq(
  'select event_type from news',
  array['cancelled', 'modified', 'completed', 'no_show', 'moved', 'cancelled', 'deleted'],
  'what happened to a booking is one word each time');

-- Deletes ------------------------------------------------------------------------------------
select row_eq(
  $$select operation, changed_fields, new_values, hubspot_id, old_values ->> 'student_id'
      from news order by id desc limit 1$$,
  row('delete'::text, null::text[], null::jsonb, 'B-1'::text, 'S-1'::text),
  'a deletion is audited with all old values');

-- Many at once, and who ----------------------------------------------------------------------
do 'begin perform pg_temp.look(); end';
set local request.jwt.claims = '';
set local hubspot_sync.actor = 'cron';
insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email)
select 'M-' || n, 'M-' || n, n || '@example.com' from generate_series(1, 3) n;
update hubspot_sync.hubspot_contact_credits set firstname = 'Ann' where hubspot_id like 'M-%';
select is((select count(*) from news), 6::bigint, 'each of many records is audited');
select is((select string_agg(distinct actor, ',') from news), 'cron',
          'without claims the setting says who');

-- A reason -----------------------------------------------------------------------------------
insert into hubspot_sync.hubspot_bookings
  (booking_id, mock_exam_id, contact_id, student_id, student_email, is_active)
values ('2', 'E-1', 'C-1', 'S-1', 'ann@example.com', 'Active'),
       ('3', 'E-1', 'C-1', 'M-1', '1@example.com', 'Active');
do 'begin perform pg_temp.look(); end';
select api.cancel_booking('2', 'ill');
select api.cancel_booking('3');
select results_eq(
  $$select event_type, reason from news where table_name = 'hubspot_bookings'$$,
  $$values ('cancelled', 'ill'), ('cancelled', null)$$,
  'a cancellation keeps its reason, the next one has its own');

-- Attendance and moves by the functions ------------------------------------------------------
insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_type, exam_date, start_time, capacity, is_active)
values ('E-7', 'Mini-mock', current_date, '23:59', 9, 'true'),
       ('E-8', 'Mini-mock', current_date + 8, '09:00', 9, 'true');
insert into hubspot_sync.hubspot_contact_credits
  (hubspot_id, student_id, email, sjmini_credits)
values ('C-7', 'S-7', 'gus@example.com', 3);
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, contact_id, student_id, student_email, is_active,
   token_used)
values ('B-7', '7', 'E-8', 'C-7', 'S-7', 'gus@example.com', 'Active', 'Mini-mock Token');
do 'begin perform pg_temp.look(); end';
select api.move_booking('7', 'E-7', 'ill'' 100%s $' || '$ \');
select results_eq(
  $$select event_type, reason, old_values ->> 'mock_exam_id', new_values ->> 'mock_exam_id'
      from news$$,
  $q$values ('moved', 'ill'' 100%s $$ \', 'E-8', 'E-7')$q$,
  'a move is one event, with its reason and both exams');
do 'begin perform pg_temp.look(); end';
select api.mark_attendance('7', 'Yes'), api.mark_attendance('7', 'No');
select api.mark_attendance('7', 'No'), api.mark_attendance('7', 'Unknown');
select results_eq(
  'select event_type, reason from news',
  $$values ('attended', null), ('no_show', null), ('modified', null)$$,
  'who came, who did not, and what was taken back: each once, without the move''s reason');
select is((select old_values -> 'attendance' || (new_values -> 'attendance') from news
            order by id desc limit 1), '["No", null]', 'with what it was and is');
do 'begin perform pg_temp.look(); end';
update hubspot_sync.hubspot_bookings set attendance = 'ATTENDED' where booking_id = '7';
update hubspot_sync.hubspot_bookings set attendance = 'no_show' where booking_id = '7';
update hubspot_sync.hubspot_bookings set attendance = '' where booking_id = '7';
update hubspot_sync.hubspot_bookings set attendance = 'Yes', dominant_hand = 'left'
 where booking_id = '7';
update hubspot_sync.hubspot_bookings set attendance = 'No', mock_exam_id = 'E-8'
 where booking_id = '7';
select results_eq(
  'select event_type from news',
  $$values ('attended'), ('no_show'), ('modified'), ('attended'), ('moved')$$,
  'HubSpot''s spellings are understood; a move says more than who came');
do 'begin perform pg_temp.look(); end';
select r.done from api.cancel_bookings(array['7', '7', 'nope'], 'closed') r;
select results_eq(
  $$select event_type, reason from news where table_name = 'hubspot_bookings'$$,
  $$values ('cancelled', 'closed')$$, 'a cancellation among many is one event');
select is((select count(*) from news
            where table_name = 'hubspot_contact_credits' and reason is not null), 0::bigint,
          'the reason is the booking''s, not the balance''s');
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, contact_id, student_id, student_email, is_active,
   token_used)
values ('B-8', '8', 'E-8', 'C-7', 'S-7', 'gus@example.com', 'Active', 'Mini-mock Token');
do 'begin perform pg_temp.look(); end';
select r.done from api.delete_exam('E-8', 'no room') r;
select results_eq(
  $$select table_name, event_type, reason from news where table_name <> 'hubspot_contact_credits'
     order by table_name$$,
  $$values ('hubspot_bookings', 'cancelled', 'no room'), ('hubspot_mock_exams', null, 'no room')$$,
  'the deletion of an exam gives its reason to its bookings');

-- The events as people read them -------------------------------------------------------------
select results_eq(
  $$select booking_id, event_type, admin_email, metadata ->> 'reason'
      from hubspot_sync.booking_events where booking_id in ('2', '3') order by id$$,
  $$values ('2', 'created', 'cron', null), ('3', 'created', 'cron', null),
           ('2', 'cancelled', 'cron', 'ill'), ('3', 'cancelled', 'cron', null)$$,
  'booking_events tells what happened, to which booking, by whom and why');
select is_empty(
  $$select event_type from hubspot_sync.booking_events where booking_id is null$$,
  'the events of a deleted booking still tell its booking id');

-- What the synchronisation notes for itself is no event of a booking.
insert into hubspot_sync.hubspot_contact_credits (student_id, email)
values ('S-4', 'dee@example.com');
insert into hubspot_sync.hubspot_bookings
  (booking_id, mock_exam_id, student_id, student_email, is_active)
values ('4', 'E-late', 'S-4', 'dee@example.com', 'Active');
do 'begin perform pg_temp.look(); end';
update hubspot_sync.hubspot_contact_credits set hubspot_id = 'C-4' where student_id = 'S-4';
select is((select contact_id from hubspot_sync.hubspot_bookings where booking_id = '4'), 'C-4',
          'a contact''s HubSpot id is written back to its booking');
select is_empty('select event_type from news where event_type is not null',
                'that is no event of the booking');

-- History cannot be forged through the trigger: it runs with the owner's rights.
select is((select p.prosecdef from pg_proc p
            where p.oid = 'hubspot_sync.write_audit()'::regprocedure), true,
          'writers need no right to write the audit log');
select has_trigger('hubspot_sync', 'hubspot_bookings', 'hubspot_bookings_audit',
                   'bookings are audited');
select has_trigger('hubspot_sync', 'hubspot_contact_credits', 'hubspot_contact_credits_audit',
                   'contacts are audited, too');
select has_trigger('hubspot_sync', 'hubspot_mock_exams', 'hubspot_mock_exams_audit',
                   'exams are audited');

select * from finish();
rollback;
