begin;
select plan(22);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return now() + current_setting('test.later')::interval;
set local test.later = '0';
create function pg_temp.id(p_number integer) returns uuid language sql immutable as
  $$select ('00000000-0000-4000-8000-' || lpad(p_number::text, 12, '0'))::uuid$$;
create temp view queued as
  select right(q.record::text, 2)::integer as number, q.operation, q.new_data
    from hubspot_sync.sync_queue q where not q.synced and q.dead_at is null order by q.id;
create function pg_temp.pass(p_all boolean default false) returns table (c integer, q integer)
  language sql as $$
  select d.checked, d.queued
    from hubspot_sync.queue_differences('hubspot_bookings', p_all => p_all) d
$$;
create function pg_temp.forget() returns void language sql as 'delete from hubspot_sync.sync_queue';
insert into hubspot_sync.hubspot_bookings
  (id, hubspot_id, booking_id, mock_exam_id, student_id, student_email)
select pg_temp.id(n), case when n < 4 then 'B-' || n end, 'BK-' || n, 'E-1', 'S-' || n,
       n || '@example.com'
  from generate_series(1, 4) n;
select hubspot_sync.note_shadow('hubspot_bookings', jsonb_agg(jsonb_build_object(
         'record', b.id, 'properties', hubspot_sync.booking_properties(b))))
  from hubspot_sync.hubspot_bookings b where b.hubspot_id is not null;
do 'begin perform pg_temp.forget(); end';

-- What differs -------------------------------------------------------------------------------
select row_eq('select * from pg_temp.pass()', row(4, 1), 'a record without an id is queued');
select row_eq($$select number, operation, new_data ->> 'student_id' from queued$$,
              row(4, 'insert'::text, 'S-4'::text), 'whole');
select row_eq('select * from pg_temp.pass()', row(4, 0), 'one that is on its way is left alone');
update hubspot_sync.hubspot_bookings set hubspot_id = 'B-4' where booking_id = 'BK-4';
select hubspot_sync.note_shadow('hubspot_bookings', jsonb_build_array(jsonb_build_object(
         'record', pg_temp.id(4), 'properties', q.new_data))) from queued q;
do 'begin perform pg_temp.forget(); end';
select row_eq('select * from pg_temp.pass()', row(4, 0), 'where nothing differs none is queued');

update hubspot_sync.sync_shadow set properties = properties || '{"attendance": "x"}'
 where record = pg_temp.id(2);
select row_eq('select * from pg_temp.pass()', row(4, 1), 'a value HubSpot does not have is queued');
select results_eq('table queued', $$values (2, 'resend', '{"attendance": ""}'::jsonb)$$,
                  'that property alone');
do 'begin perform pg_temp.forget(); end';
delete from hubspot_sync.sync_shadow where record = pg_temp.id(2);
select row_eq('select * from pg_temp.pass()', row(4, 1),
              'so is a record of which nothing is known');
select is((select new_data ? 'is_active' and new_data ? 'attendance' from queued), true,
          'with all that is ours');
do 'begin perform pg_temp.forget(); end';
select row_eq('select * from pg_temp.pass(true)', row(4, 4), 'all, where all is asked for');
do 'begin perform pg_temp.forget(); end';
delete from hubspot_sync.sync_shadow;

-- Pages --------------------------------------------------------------------------------------
create temp table pages as
with recursive pages as (
  select d.* from hubspot_sync.queue_differences('hubspot_bookings', null, 3) d
), second as (
  select d.* from pages p, hubspot_sync.queue_differences('hubspot_bookings', p.last, 3) d
), third as (
  select d.* from second s, hubspot_sync.queue_differences('hubspot_bookings', s.last, 3) d
)
select 1 as page, * from pages union all select 2, * from second union all select 3, * from third;
select results_eq('table pages',
                  $$values (1, 3, 3, pg_temp.id(3)), (2, 1, 1, pg_temp.id(4)),
                           (3, 0, 0, null::uuid)$$,
                  'pages follow each other in the order of ids until none is left');
do 'begin perform pg_temp.forget(); end';

-- Dead letters -------------------------------------------------------------------------------
select hubspot_sync.note_shadow('hubspot_bookings', jsonb_agg(jsonb_build_object(
         'record', b.id, 'properties', hubspot_sync.booking_properties(b))))
  from hubspot_sync.hubspot_bookings b;
update hubspot_sync.hubspot_bookings set attendance = 'bad' where booking_id = 'BK-1';
update hubspot_sync.sync_queue set dead_at = now(), sync_attempts = 3;
select row_eq('select * from pg_temp.pass()', row(4, 1), 'a dead letter gets another attempt');
select row_eq('select sync_attempts, dead_at, next_attempt_at from hubspot_sync.sync_queue',
              row(2, null::timestamptz, now()), 'one, at once');
update hubspot_sync.sync_queue set dead_at = now(), sync_attempts = 3;
update hubspot_sync.sync_shadow set properties = properties || '{"dominant_hand": "left"}'
 where record = pg_temp.id(1);
select row_eq('select * from pg_temp.pass()', row(4, 1), 'what else differs of its record');
select results_eq('table queued', $$values (1, 'resend', '{"dominant_hand": ""}'::jsonb)$$,
                  'goes first, without it');
delete from hubspot_sync.sync_queue where dead_at is null;
update hubspot_sync.sync_shadow set properties = properties || '{"dominant_hand": ""}'
 where record = pg_temp.id(1);
select row_eq('select * from pg_temp.pass()', row(4, 1), 'then the dead letter has its turn');
update hubspot_sync.sync_queue set dead_at = now(), sync_attempts = 3;
update hubspot_sync.sync_shadow set properties = properties || '{"attendance": "bad"}'
 where record = pg_temp.id(1);
select row_eq('select * from pg_temp.pass()', row(4, 1),
              'also one that says nothing new, so that it is settled');
do 'begin perform pg_temp.forget(); end';
delete from hubspot_sync.hubspot_bookings where booking_id = 'BK-3';
update hubspot_sync.sync_queue set dead_at = now(), sync_attempts = 3;
select is((select queued from hubspot_sync.queue_differences('hubspot_mock_exams')), 0,
          'a dead letter of another table stays');
select is((select queued from hubspot_sync.queue_differences('hubspot_bookings', pg_temp.id(1))),
          0, 'one of a record that is gone stays but for the first page');
select row_eq('select * from pg_temp.pass()', row(3, 1), 'with which it goes');

-- Bad input ----------------------------------------------------------------------------------
select throws_ok($$select hubspot_sync.queue_differences('settings')$$, '22023', null,
                 'a table that is not synchronised is refused');
select throws_ok($$select hubspot_sync.queue_differences('hubspot_bookings', null, 0)$$, '22023',
                 null, 'a page of none');
select throws_ok($$select hubspot_sync.queue_differences('hubspot_bookings', null, null)$$, '22023',
                 null, 'and one of unknown size');

select * from finish();
rollback;
