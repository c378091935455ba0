begin;
select plan(11);

create temp view gates as
  select l.classid, l.objid::integer as slot from pg_locks l
   where l.pid = pg_backend_pid() and l.locktype = 'advisory' and l.objsubid = 2;
create function pg_temp.gate(p_exam text) returns oid language sql as
  'select (hashtext(p_exam)::bigint & 4294967295)::oid';

select is_empty('table gates', 'nobody stands in a gate yet');
select hubspot_sync.pass_gate(null);
select is_empty('table gates', 'no exam has no gate');
select hubspot_sync.pass_gate('E-1');
select results_eq('table gates', $$select pg_temp.gate('E-1'), pg_backend_pid() % 4$$,
                  'passing takes one of four slots, the session''s own');
select hubspot_sync.pass_gate('E-1');
select is((select count(*) from gates), 1::bigint, 'passing again takes no other');
select hubspot_sync.pass_gate('100%s ''$$\'), hubspot_sync.pass_gate(repeat('x', 10485760));
select is((select count(*) from gates), 3::bigint, 'an exam of any id has its gate');
select hubspot_sync.close_gate('E-1');
select results_eq(
  $$select slot from gates where classid = pg_temp.gate('E-1') order by slot$$,
  $$select generate_series(0, 3)$$, 'closing takes all four, also over one''s own');
select hubspot_sync.close_gate('E-2');
select is((select count(*) from gates where classid = pg_temp.gate('E-2')), 4::bigint,
          'another exam has a gate of its own');

-- Who brings a booking stands in the gate of its exam, and of no other.
insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_type, exam_date, capacity, is_active)
values ('E-3', 'Mini-mock', current_date + 9, 3, 'true'),
       ('E-4', 'Mini-mock', current_date + 8, 3, 'true'),
       ('E-5', 'Mini-mock', current_date + 7, 3, 'true');
insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email, sjmini_credits)
values ('C-1', 'S-1', 'ann@example.com', 3);
create temp table made as select * from api.create_booking('E-3', 'S-1', 'ann@example.com');
select results_eq($$select slot from gates where classid = pg_temp.gate('E-3')$$,
                  'select pg_backend_pid() % 4', 'a booking passes its exam''s gate');
select api.move_booking(booking_id, 'E-4') from made;
select results_eq($$select slot from gates where classid = pg_temp.gate('E-4')$$,
                  'select pg_backend_pid() % 4', 'a move passes that of the exam it goes to');
update hubspot_sync.hubspot_mock_exams set location = 'Lab' where hubspot_id = 'E-5';
select is((select count(*) from gates where classid = pg_temp.gate('E-5')), 0::bigint,
          'a change of the place closes no gate');
update hubspot_sync.hubspot_mock_exams set exam_date = exam_date + 1 where hubspot_id = 'E-5';
select is((select count(*) from gates where classid = pg_temp.gate('E-5')), 4::bigint,
          'a change of the date does');

select * from finish();
rollback;
