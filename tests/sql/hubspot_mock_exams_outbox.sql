begin;
select plan(6);

create temp table seen (last bigint);
insert into seen select coalesce(max(id), 0) from hubspot_sync.sync_queue;
create temp view news as
  select q.operation, q.old_data, q.new_data
    from hubspot_sync.sync_queue q, seen where q.id > seen.last order by q.id;
create function pg_temp.look() returns void language sql as
  'update seen set last = (select max(id) from hubspot_sync.sync_queue)';

insert into hubspot_sync.hubspot_mock_exams (hubspot_id, mock_exam_name, capacity, is_active)
values ('E-1', 'First', 5, 'Active');
select is_empty('table news', 'an exam is born in HubSpot: its insert is not queued');

update hubspot_sync.hubspot_mock_exams set capacity = 6, total_bookings = 2, location = 'Lab'
 where hubspot_id = 'E-1';
select results_eq(
  'table news',
  $$values ('update', '{"capacity": "5", "location": "", "total_bookings": "0"}'::jsonb,
            '{"capacity": "6", "location": "Lab", "total_bookings": "2"}'::jsonb)$$,
  'an update is queued with the properties that changed, old and new');

do 'begin perform pg_temp.look(); end';
update hubspot_sync.hubspot_mock_exams
   set updated_at = now() + interval '1 day', synced_at = now(), hubspot_last_sync_at = now(),
       is_active = 'true', mock_set = ''
 where hubspot_id = 'E-1';
select is_empty('table news', 'what changes nothing HubSpot holds is not queued');
update hubspot_sync.hubspot_mock_exams set exam_date = '2030-02-01', start_time = '09:00'
 where hubspot_id = 'E-1';
select is((select new_data from news), '{"exam_date": "2030-02-01", "start_time": "09:00"}'::jsonb,
          'the start that follows from them is no property of its own');

do 'begin perform pg_temp.look(); end';
insert into hubspot_sync.hubspot_mock_exams (hubspot_id, capacity) values ('E-1', 7)
on conflict (hubspot_id) do update set capacity = excluded.capacity;
select results_eq('select operation, new_data from news',
                  $$values ('update', '{"capacity": "7"}'::jsonb)$$,
                  'an upsert of a known exam queues what it changed');

do 'begin perform pg_temp.look(); end';
delete from hubspot_sync.hubspot_mock_exams where hubspot_id = 'E-1';
select results_eq('table news',
                  $$values ('delete', '{"hubspot_id": "E-1"}'::jsonb, null::jsonb)$$,
                  'a deletion is queued with HubSpot''s id');

select * from finish();
rollback;
