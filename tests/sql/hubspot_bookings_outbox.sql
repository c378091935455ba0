begin;
select plan(15);

insert into hubspot_sync.hubspot_mock_exams (hubspot_id, mock_type, exam_date, capacity)
values ('E-1', 'Mini-mock', '2030-02-01', 3);
insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email)
values ('C-1', 'S-1', 'ann@example.com');
create temp table seen as select coalesce(max(id), 0) as last from hubspot_sync.sync_queue;
create temp view news as
  select q.operation, q.old_data, q.new_data
    from hubspot_sync.sync_queue q, seen
   where q.id > seen.last and q.table_name = 'hubspot_bookings'
   order by q.id;
create function pg_temp.look() returns void language sql as
  'update seen set last = (select max(id) from hubspot_sync.sync_queue)';

insert into hubspot_sync.hubspot_bookings
  (id, booking_id, mock_exam_id, contact_id, student_id, student_email, is_active)
values ('00000000-0000-4000-8000-000000000001', '1', 'E-1', 'C-1', 'S-1', 'ann@example.com',
        'active');
select results_eq(
  'table news',
  $$select 'insert', null::jsonb,
           hubspot_sync.record_properties('hubspot_bookings',
                                          '00000000-0000-4000-8000-000000000001')$$,
  'a new booking is queued with all properties, as they were stored');
select is((select q.record from hubspot_sync.sync_queue q, seen where q.id > seen.last),
          '00000000-0000-4000-8000-000000000001', 'the queue names the record');

do 'begin perform pg_temp.look(); end';
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, contact_id, student_id, student_email, is_active)
values ('B-2', '2', 'E-1', 'C-1', 'S-2', 'bob@example.com', 'Active');
select is_empty('table news', 'a booking that comes with a HubSpot id is not queued');

update hubspot_sync.hubspot_bookings set attendance = 'yes', student_name = 'Bob'
 where booking_id = '2';
select results_eq(
  'table news',
  $$values ('update', '{"attendance": "", "student_name": ""}'::jsonb,
            '{"attendance": "yes", "student_name": "Bob"}'::jsonb)$$,
  'an update is queued with the properties that changed, old and new');

do 'begin perform pg_temp.look(); end';
update hubspot_sync.hubspot_bookings
   set updated_at = now() + interval '1 day', synced_at = now(), booking_status = 'x',
       hubspot_last_sync_at = now(), attending_location = '', is_active = 'ACTIVE',
       attendance = attendance
 where booking_id = '2';
select is_empty('table news', 'what changes nothing HubSpot holds is not queued');
update hubspot_sync.hubspot_bookings set hubspot_id = 'B-1' where booking_id = '1';
select is_empty('table news', 'noting HubSpot''s id is not queued');

update hubspot_sync.hubspot_bookings set is_active = 'canceled' where booking_id = '1';
select results_eq(
  'table news',
  $$values ('update', '{"is_active": "Active"}'::jsonb, '{"is_active": "Cancelled"}'::jsonb)$$,
  'a cancellation is an update');

do 'begin perform pg_temp.look(); end';
delete from hubspot_sync.hubspot_bookings where booking_id = '1';
select results_eq(
  'table news',
  $$values ('delete', '{"@exam": "E-1", "booking_id": "1", "hubspot_id": "B-1"}'::jsonb, null::jsonb)$$,
  'a deletion is queued with what finds the record in HubSpot');

do 'begin perform pg_temp.look(); end';
update hubspot_sync.hubspot_bookings set mock_exam_id = 'E-9' where booking_id = '2';
select is((select new_data from news), '{"mock_exam_id": "E-9", "@exam": ""}'::jsonb,
          'moving to an exam that is not here drops the link');

-- In one transaction with the booking.
do 'begin perform pg_temp.look(); end';
select throws_ok(
  $$do 'begin
          insert into hubspot_sync.hubspot_bookings
            (booking_id, mock_exam_id, student_id, student_email)
          values (''3'', ''E-1'', ''S-3'', ''cid@example.com'');
          raise division_by_zero;
        end'$$, '22012', null, 'a writer may fail after its booking');
select is_empty('table news', 'then nothing is queued');

-- Lanes ---------------------------------------------------------------------------------------
create function pg_temp.cancel(p_number integer) returns text language sql as $$
  update hubspot_sync.hubspot_bookings set is_active = 'Cancelled'
   where booking_id = 'L-' || p_number;
  select q.lane
    from hubspot_sync.sync_queue q
    join hubspot_sync.hubspot_bookings b on b.id = q.record
   where b.booking_id = 'L-' || p_number and q.new_data ->> 'is_active' = 'Cancelled'
   order by q.id desc
   limit 1
$$;
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, student_id, student_email, is_active)
select case when n = 1 then 'B-L1' end, 'L-' || n, 'E-1', 'L-' || n, n || '@example.com', 'Active'
  from generate_series(1, 4) n;
update hubspot_sync.sync_queue q set sync_attempts = 1
  from hubspot_sync.hubspot_bookings b
 where q.record = b.id and b.booking_id = 'L-3';
update hubspot_sync.sync_queue q set epoch = 1, sync_attempts = 1
  from hubspot_sync.hubspot_bookings b
 where q.record = b.id and b.booking_id = 'L-4';
select is(pg_temp.cancel(1), 'urgent', 'a cancellation of what HubSpot has is urgent');
select is(pg_temp.cancel(2), 'bulk', 'of what HubSpot was never told of it is not');
select is(pg_temp.cancel(3), 'urgent', 'of what it may have it is');
select is(pg_temp.cancel(4), 'urgent', 'and of what a worker is sending');

select * from finish();
rollback;
