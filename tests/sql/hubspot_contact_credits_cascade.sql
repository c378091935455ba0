begin;
select plan(16);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return current_setting('test.now')::timestamptz;
set local test.now = '2030-01-01 09:00+00';
insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_type, exam_date, start_time, capacity, is_active)
values
  ('E-1', 'Situational Judgment', '2030-02-01', '09:00', 9, 'true'),
  ('E-1pm', 'Situational Judgment', '2030-02-01', '14:00', 9, 'true'),
  ('E-2', 'Situational Judgment', '2030-02-02', '09:00', 9, 'true'),
  ('E-3', 'Situational Judgment', '2030-02-03', '09:00', 9, 'true');
insert into hubspot_sync.hubspot_contact_credits
  (hubspot_id, student_id, email, firstname, lastname, sj_credits)
values ('C-1', 'S-1', 'ann@example.com', 'Ann', 'Lee', 9),
       ('C-2', 'S-2', 'bob@example.com', null, null, 9);
-- A booking under an id of our choice.
create function pg_temp.book(p_name text, p_exam text, p_student text, p_email text)
  returns text language plpgsql as $$
declare
  v_id uuid := (api.create_booking(p_exam, p_student, p_email)).id;
begin
  update hubspot_sync.hubspot_bookings set booking_id = p_name where id = v_id;
  return p_name;
end
$$;
select pg_temp.book('A-1', 'E-1', 'S-1', 'ann@example.com'),
       pg_temp.book('A-2', 'E-2', 'S-1', 'ann@example.com'),
       pg_temp.book('A-3', 'E-3', 'S-1', 'ann@example.com'),
       pg_temp.book('B-1', 'E-1', 'S-2', 'bob@example.com');
select api.cancel_booking('A-3');
update hubspot_sync.hubspot_bookings set student_name = 'Annie' where booking_id = 'A-2';
create temp view people as
  select b.booking_id, b.student_id, b.student_email, b.student_name, b.exempt
    from hubspot_sync.hubspot_bookings b;
create temp table last as select (select max(id) from hubspot_sync.sync_queue) as queued;

update hubspot_sync.hubspot_contact_credits set sj_credits = 8, email = email
 where student_id = 'S-1';
select is_empty(
  $$select q.id from hubspot_sync.sync_queue q, last
     where q.id > last.queued and q.table_name = 'hubspot_bookings'$$,
  'a balance does not reach the bookings');
update hubspot_sync.hubspot_contact_credits
   set email = 'Ann.Lee@example.com', lastname = 'O''Hara %s $$ \' where student_id = 'S-1';
select results_eq(
  'select booking_id, student_email, student_name from people order by 1',
  $q$values ('A-1', 'Ann.Lee@example.com', 'Ann O''Hara %s $$ \'),
            ('A-2', 'Ann.Lee@example.com', 'Annie'),
            ('A-3', 'Ann.Lee@example.com', 'Ann O''Hara %s $$ \'),
            ('B-1', 'bob@example.com', null)$q$,
  'a new email and name reach the contact''s bookings; a name given for one booking stays');
select results_eq(
  $$select distinct q.operation, q.new_data ->> 'student_email'
      from hubspot_sync.sync_queue q, last
     where q.id > last.queued and q.table_name = 'hubspot_bookings'$$,
  $$values ('update', 'Ann.Lee@example.com')$$, 'HubSpot is told');
update hubspot_sync.hubspot_contact_credits set firstname = 'Bob' where student_id = 'S-2';
select is((select student_name from people where booking_id = 'B-1'), 'Bob',
          'a name that was not known is filled in');
update hubspot_sync.hubspot_contact_credits set firstname = null where student_id = 'S-2';
select is((select student_name from people where booking_id = 'B-1'), null,
          'and one that is lost is lost');
create function pg_temp.seen_by(p_email text) returns text language plpgsql as $$
declare
  v_answer text;
begin
  perform set_config('request.jwt.claims', jsonb_build_object('email', p_email)::text, true);
  set local role authenticated;
  v_answer := (api.get_booking(p_booking_id => 'A-1')).booking_id;
  reset role;
  perform set_config('request.jwt.claims', '', true);
  return v_answer;
end
$$;
select is(pg_temp.seen_by('ann.lee@example.com'), 'A-1',
          'with the new email the student sees their booking');
select throws_ok($$select pg_temp.seen_by('ann@example.com')$$, 'MBNOF', null,
                 'and with the old one no more');

-- Another student id -------------------------------------------------------------------------
update hubspot_sync.hubspot_contact_credits set student_id = 'S-11' where student_id = 'S-1';
select results_eq(
  $$select booking_id, student_id, exempt from people where booking_id like 'A-%' order by 1$$,
  $$values ('A-1', 'S-11', false), ('A-2', 'S-11', false), ('A-3', 'S-11', false)$$,
  'a new student id reaches them all');
select is((select count(*) from hubspot_sync.sync_conflicts), 0::bigint, 'without a conflict');

-- Two people become one: the same exam, and the same type that day.
select api.move_booking('B-1', 'E-1pm');
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, contact_id, student_id, student_email, is_active,
   token_used)
values ('O-1', 'B-2', 'E-2', 'C-2', 'S-2', 'bob@example.com', 'Active', null),
       ('O-2', 'B-3', 'E-3', 'C-2', 'S-2', 'bob@example.com', 'Active', null);
update hubspot_sync.hubspot_contact_credits set student_id = 'S-11' where student_id = 'S-2';
select results_eq(
  'select booking_id, student_id, exempt from people order by 1',
  $$values ('A-1', 'S-11', false), ('A-2', 'S-11', false), ('A-3', 'S-11', false),
           ('B-1', 'S-11', true), ('B-2', 'S-11', true), ('B-3', 'S-11', false)$$,
  'what becomes a second of an exam or a day is kept, exempt from the rule; the rest is not');
select results_eq(
  $$select b.booking_id, c.field, c.postgres_value, c.hubspot_value
      from hubspot_sync.sync_conflicts c join hubspot_sync.hubspot_bookings b on b.id = c.record
     order by 1$$,
  $$values ('B-1', 'student_id', 'S-2', 'S-11'), ('B-2', 'student_id', 'S-2', 'S-11')$$,
  'each of these is noted');
select throws_ok($$select api.create_booking('E-1pm', 'S-11', 'bob@example.com')$$, 'MBDUP', null,
                 'they stop a further booking');
select is((api.cancel_booking('B-1')).replayed, false, 'one of them can be cancelled');
select is((select sj_credits from hubspot_sync.hubspot_contact_credits where hubspot_id = 'C-2'),
          9, 'with its credit to the contact that paid');

-- One who goes on as before, under another's email.
select throws_ok(
  $$update hubspot_sync.hubspot_contact_credits set email = 'bob@example.com'
     where hubspot_id = 'C-1'$$, '23505', null, 'two contacts are not made one by accident');

select is_empty($$select v.name, v.sample from api.verify() v where v.violations > 0$$,
                'after all this every invariant holds');

select * from finish();
rollback;
