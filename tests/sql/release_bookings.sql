begin;
select plan(14);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return current_setting('test.now')::timestamptz;
set local test.now = '2030-01-01 09:00+00';
insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_type, exam_date, start_time, capacity, is_active)
values ('E-1', 'Situational Judgment', '2030-02-01', '09:00', 9, 'true'),
       ('E-2', 'Clinical Skills', '2030-02-02', '09:00', 9, 'true');
insert into hubspot_sync.hubspot_contact_credits
  (hubspot_id, student_id, email, sj_credits, shared_mock_credits)
values ('C-1', 'S-1', 'ann@example.com', 1, 1), ('C-2', 'S-2', 'bob@example.com', 1, 0);
-- Everything a refusal must leave alone.
create temp view state as
  select 'bookings' as what, md5(string_agg(b::text, ';' order by b.id)) as is_now
    from hubspot_sync.hubspot_bookings b
  union all
  select 'contacts', md5(string_agg(c::text, ';' order by c.id))
    from hubspot_sync.hubspot_contact_credits c
  union all
  select 'exams', md5(string_agg(e::text, ';' order by e.id))
    from hubspot_sync.hubspot_mock_exams e
  union all
  select 'seats', md5(string_agg(s::text, ';' order by s.exam)) from hubspot_sync.exam_seats s
  union all
  select 'ledger', count(*)::text from hubspot_sync.credit_ledger
  union all
  select 'queue', count(*)::text from hubspot_sync.sync_queue
  union all
  select 'audit', count(*)::text from hubspot_sync.supabase_audit_log
  union all
  select 'conflicts', count(*)::text from hubspot_sync.sync_conflicts;
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
create function pg_temp.id(p_booking_id text) returns uuid language sql as
  'select hubspot_sync.find_booking(p_booking_id)';
select pg_temp.book('A-1', 'E-1', 'S-1', 'ann@example.com'),
       pg_temp.book('A-2', 'E-2', 'S-1', 'ann@example.com'),
       pg_temp.book('B-1', 'E-1', 'S-2', 'bob@example.com');
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, contact_id, student_id, student_email, is_active,
   token_used)
values ('O-1', 'O-1', 'E-1', null, 'S-9', 'gone@example.com', 'Active', 'Shared Token'),
       ('O-2', 'O-2', 'E-2', 'C-2', 'S-2', 'bob@example.com', 'Active', 'shared token'),
       ('O-3', 'O-3', 'E-1', 'C-9', 'S-8', 'eve@example.com', 'Active', null);

create temp table before as table state;
select is_empty('select * from hubspot_sync.release_bookings(null, null)', 'none are none');
select is_empty($$select * from hubspot_sync.release_bookings('{}', 'x')$$, 'as is an empty array');
select is_empty(
  $$select * from hubspot_sync.release_bookings(array[null, gen_random_uuid()], 'x')$$,
  'an unknown id is nobody''s');
select results_eq('table state', 'table before', 'that changes nothing');

select results_eq(
  $$select booking_id, is_active, updated_at
      from hubspot_sync.release_bookings(
        array[pg_temp.id('A-2'), pg_temp.id('A-1'), pg_temp.id('A-1'), null], '100%s ''$' || '$ \')
     order by 1$$,
  $$values ('A-1', 'Cancelled', hubspot_sync.clock()), ('A-2', 'Cancelled', hubspot_sync.clock())$$,
  'bookings are cancelled and answered as they are then, each once');
select results_eq(
  $$select b.booking_id, l.credit, l.delta from hubspot_sync.credit_ledger l
      join hubspot_sync.hubspot_bookings b on b.id = l.booking
     where l.reason = 'refund' order by 1$$,
  $$values ('A-1', 'sj_credits', 1), ('A-2', 'shared_mock_credits', 1)$$,
  'each credit goes back to where it came from');
select results_eq(
  $$select distinct e.metadata ->> 'reason' from hubspot_sync.booking_events e
     where e.event_type = 'cancelled'$$,
  $q$values ('100%s ''$$ \')$q$, 'the reason is kept to the letter');
select is(current_setting('hubspot_sync.reason') || current_setting('hubspot_sync.ledger_reason'),
          '', 'the next change inherits neither reason');
select is((select s.taken from hubspot_sync.exam_seats s
             join hubspot_sync.hubspot_mock_exams e on e.id = s.exam
            where e.hubspot_id = 'E-1'), 3, 'their seats are free');

-- Given back before --------------------------------------------------------------------------
update hubspot_sync.hubspot_bookings set is_active = 'Active' where booking_id = 'A-1';
create temp table balances_before as
  select c.id, c.sj_credits, c.shared_mock_credits from hubspot_sync.hubspot_contact_credits c;
select is((select count(*) from hubspot_sync.release_bookings(
             array[pg_temp.id('A-1'), pg_temp.id('O-1'), pg_temp.id('O-2'), pg_temp.id('O-3')],
             null)), 4::bigint,
          'bookings given back before, without a contact or a known token are cancelled');
select bag_eq(
  'select id, sj_credits, shared_mock_credits from hubspot_sync.hubspot_contact_credits',
  'table balances_before', 'none of them is given anything');
select results_eq(
  $$select b.booking_id, c.field, strpos(c.decision, b.booking_id) > 0
      from hubspot_sync.sync_conflicts c
      join hubspot_sync.hubspot_bookings b on b.id = c.record order by 1$$,
  $$values ('A-1', 'token_used', true), ('O-1', 'token_used', true), ('O-2', 'token_used', true),
           ('O-3', 'token_used', true)$$,
  'and each is noted, by its id');

-- A balance no refund fits in ----------------------------------------------------------------
update hubspot_sync.hubspot_contact_credits set sj_credits = 2147483647 where student_id = 'S-2';
select throws_ok($$select api.cancel_booking('B-1')$$, '22023', null,
                 'a balance that would be too large is refused as elsewhere');
update hubspot_sync.hubspot_contact_credits set sj_credits = 1 where student_id = 'S-2';


select is_empty($$select v.name, v.sample from api.verify() v where v.violations > 0$$,
                'after all this every invariant holds');

select * from finish();
rollback;
