begin;
select plan(10);

create temp table seen (last bigint);
insert into seen select coalesce(max(id), 0) from hubspot_sync.sync_queue;
create temp view news as
  select q.table_name, q.operation, q.old_data, q.new_data
    from hubspot_sync.sync_queue q, seen where q.id > seen.last order by q.id;
create function pg_temp.look() returns void language sql as
  'update seen set last = (select max(id) from hubspot_sync.sync_queue)';

insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email, sj_credits)
values ('C-1', 'S-1', 'ann@example.com', 5);
select is_empty('table news', 'a contact that comes with a HubSpot id is not queued');
insert into hubspot_sync.hubspot_contact_credits (student_id, email, firstname, sj_credits)
values ('S-2', 'bob@example.com', 'Bob', 5);
select results_eq(
  'table news',
  $$values ('hubspot_contact_credits', 'insert', null::jsonb,
            '{"student_id": "S-2", "email": "bob@example.com", "firstname": "Bob",
              "lastname": "", "sj_credits": "5", "cs_credits": "0", "sjmini_credits": "0",
              "mock_discussion_token": "0", "shared_mock_credits": "0"}'::jsonb)$$,
  'a new contact is queued with all properties');

do 'begin perform pg_temp.look(); end';
update hubspot_sync.hubspot_contact_credits
   set sj_credits = 4, shared_mock_credits = 1, firstname = 'Ann'
 where student_id = 'S-1';
select results_eq(
  'table news',
  $$values ('hubspot_contact_credits', 'update',
            '{"sj_credits": "5", "shared_mock_credits": "0", "firstname": ""}'::jsonb,
            '{"sj_credits": "4", "shared_mock_credits": "1", "firstname": "Ann"}'::jsonb)$$,
  'an update is queued with the properties that changed, old and new');

do 'begin perform pg_temp.look(); end';
update hubspot_sync.hubspot_contact_credits
   set updated_at = now() + interval '1 day', synced_at = now(), hubspot_last_sync_at = now(),
       sj_credits = 4, created_at = now() - interval '1 day'
 where student_id = 'S-1';
select is_empty('table news', 'what changes nothing HubSpot holds is not queued');
update hubspot_sync.hubspot_contact_credits set lastname = '' where student_id = 'S-1';
select is_empty('table news', 'an empty name instead of none is nothing to send');

-- HubSpot's id, when it comes, goes to the bookings made before.
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, student_id, student_email)
values ('B-1', '1', 'E-1', 'S-2', 'bob@example.com'),
       ('B-2', '2', 'E-1', 'S-1', 'ann@example.com');
do 'begin perform pg_temp.look(); end';
update hubspot_sync.hubspot_contact_credits set hubspot_id = 'C-2' where student_id = 'S-2';
select is((select contact_id from hubspot_sync.hubspot_bookings where booking_id = '1'), 'C-2',
          'a contact''s new HubSpot id is noted on its bookings');
select is((select contact_id from hubspot_sync.hubspot_bookings where booking_id = '2'), null,
          'and on no other''s');
select results_eq(
  'table news',
  $$values ('hubspot_bookings', 'update', '{"@contact": ""}'::jsonb,
            '{"@contact": "C-2"}'::jsonb)$$,
  'HubSpot is told to link them; the id itself is no news');

do 'begin perform pg_temp.look(); end';
insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email)
values ('C-3', 'S-3', 'cid@example.com');
delete from hubspot_sync.hubspot_contact_credits where student_id = 'S-3';
select results_eq(
  'table news',
  $$values ('hubspot_contact_credits', 'delete',
            '{"hubspot_id": "C-3", "student_id": "S-3"}'::jsonb, null::jsonb)$$,
  'a deletion is queued with what finds the record in HubSpot');

-- An upsert of the old application.
do 'begin perform pg_temp.look(); end';
insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email, cs_credits)
values ('C-1', 'S-1', 'ann@example.com', 2)
on conflict (hubspot_id) do update set cs_credits = excluded.cs_credits;
select results_eq(
  'select operation, new_data from news', $$values ('update', '{"cs_credits": "2"}'::jsonb)$$,
  'an upsert of a known contact queues what it changed');

select * from finish();
rollback;
