begin;
select plan(27);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return current_setting('test.now')::timestamptz;
set local test.now = '2030-01-01 09:00+00';

insert into hubspot_sync.admin_users (email) values ('boss@example.com');
insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_type, exam_date, start_time, capacity, is_active)
values
  ('E-1', 'Situational Judgment', '2030-02-01', '09:00', 9, 'true'),
  ('E-2', 'Situational Judgment', '2030-02-02', '23:59', 9, 'true'),
  ('E-3', 'Situational Judgment', '2030-02-03', '09:00', 9, 'true');
insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email, sj_credits)
values ('C-1', 'S-1', 'ann@example.com', 5), ('C-2', 'S-2', 'bob@example.com', 5);

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
create temp view states as
  select b.booking_id, b.is_active from hubspot_sync.hubspot_bookings b;

-- A refusal has its code, names what it is about, in few words, and says what to do next.
create function pg_temp.refusal(p_call text, out code text, out message text, out hint text)
  language plpgsql as $$
begin
  execute p_call;
  code := 'nothing was raised';
exception when others then
  get stacked diagnostics code = returned_sqlstate, message = message_text,
                          hint = pg_exception_hint;
end
$$;
create function pg_temp.refused(p_call text, p_code text, p_named text, p_fact text)
  returns text language sql as $$
  select is(concat_ws('; ', r.code,
                      case when strpos(r.message, p_named) = 0
                        then format('%s is not named: %s', p_named, left(r.message, 200)) end,
                      case when r.message is not null and r.hint is null then 'no hint' end,
                      case when length(r.message) > 1000
                        then format('a message of %s characters', length(r.message)) end),
            p_code, p_fact)
    from pg_temp.refusal(p_call) r
$$;

-- A login of somebody: the answer of one call.
create function pg_temp.by(p_email text, p_call text) returns jsonb language plpgsql as $$
declare
  v_answer jsonb;
begin
  perform set_config('request.jwt.claims',
                     jsonb_build_object('email', p_email, 'role', 'authenticated')::text, true);
  set local role authenticated;
  execute format('select to_jsonb(a) from %s a', p_call) into v_answer;
  reset role;
  perform set_config('request.jwt.claims', '', true);
  return v_answer;
end
$$;
create function pg_temp.refused_to(
  p_email text, p_call text, p_code text, p_named text, p_fact text
)
  returns text language sql as $$
  select pg_temp.refused(format('select pg_temp.by(%L, %L)', p_email, p_call), p_code, p_named,
                         p_fact)
$$;

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
       pg_temp.book('B-1', 'E-1', 'S-2', 'bob@example.com'),
       pg_temp.book('B-2', 'E-2', 'S-2', 'bob@example.com');
select api.cancel_booking('B-2');
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, student_id, student_email, is_active, exam_date, exempt)
values
  ('O-1', 'O-dateless', 'E-nowhere', 'S-5', 'eve@example.com', 'Active', null, false),
  ('O-2', 'O-ever', 'E-nowhere2', 'S-5', 'eve@example.com', 'Active', 'infinity', false),
  ('O-3', 'O-odd', 'E-nowhere3', 'S-5', 'eve@example.com', 'Waitlisted', '2030-01-01', false),
  ('O-4', 'O-exempt', 'E-1', 'S-1', 'ann@example.com', 'Active', null, true);

-- Refusals -----------------------------------------------------------------------------------
set local test.now = '2030-03-01 00:00+00';
create temp table before as table state;
select pg_temp.refused('select ' || r.call, r.code, r.named, r.fact)
  from (values
    ('api.complete_past_bookings(null)', '22023', 'null', 'no limit at all is refused'),
    ('api.complete_past_bookings(0)', '22023', 'limit 0', 'a limit of nothing is refused'),
    ('api.complete_past_bookings(-1)', '22023', '-1', 'a negative limit is refused'),
    ('api.complete_past_bookings(10001)', '22023', '10001', 'more than 10,000 are refused'),
    ('api.complete_past_bookings(2147483647)', '22023', '2147483647', 'however many')
  ) as r (call, code, named, fact);
select pg_temp.refused_to('ann@example.com', 'api.complete_past_bookings()', '42501',
                          'administrators', 'a student completes nothing');
select pg_temp.refused_to(null, 'api.complete_past_bookings(0)', '42501', 'email',
                          'nor does a login without an email');
select results_eq('table state', 'table before', 'a refusal changes nothing');

-- Which --------------------------------------------------------------------------------------
set local test.now = '2030-02-01 23:59:59+00';
select row_eq('select * from api.complete_past_bookings()', row(0, false),
              'on the exam''s own day nothing is past');
select results_eq('table state', 'table before', 'so nothing changes');

update hubspot_sync.settings set value = 'America/Los_Angeles' where key = 'time_zone';
set local test.now = '2030-02-02 07:59:59+00';
select row_eq('select * from api.complete_past_bookings()', row(0, false),
              'the day is the business''s: a second before its midnight nothing is past');
create temp table last as
  select (select max(id) from hubspot_sync.sync_queue) as queued,
         (select max(id) from hubspot_sync.supabase_audit_log) as audited,
         (select count(*) from hubspot_sync.credit_ledger) as entries;
create temp table seats_before as table hubspot_sync.exam_seats;
set local test.now = '2030-02-02 08:00+00';
select row_eq('select * from api.complete_past_bookings()', row(3, false),
              'at midnight there the day before is over');
select results_eq(
  'select booking_id, is_active from states order by booking_id',
  $$values ('A-1', 'Completed'), ('A-2', 'Active'), ('A-3', 'Active'), ('B-1', 'Completed'),
           ('B-2', 'Cancelled'), ('O-dateless', 'Active'), ('O-ever', 'Active'),
           ('O-exempt', 'Completed'), ('O-odd', 'Waitlisted')$$,
  'only active bookings of that day or before are completed');
select bag_eq('table hubspot_sync.exam_seats', 'table seats_before', 'their seats stay taken');
select is((select count(*) from hubspot_sync.credit_ledger), (select entries from last),
          'no credit moves');
select results_eq(
  $$select e.booking_id, e.event_type from hubspot_sync.booking_events e, last
     where e.id > last.audited order by 1$$,
  $$values ('A-1', 'completed'), ('B-1', 'completed'), ('O-exempt', 'completed')$$,
  'each is an event');
select results_eq(
  $$select q.operation, q.new_data, count(*) from hubspot_sync.sync_queue q, last
     where q.id > last.queued group by 1, 2$$,
  $$values ('update', '{"is_active": "Completed"}'::jsonb, 3::bigint)$$,
  'HubSpot is told each state, and nothing else');
select is((select min(b.updated_at) from hubspot_sync.hubspot_bookings b
            where b.is_active = 'Completed'), hubspot_sync.clock(), 'and when');
drop table if exists before;
create temp table before as table state;
select row_eq('select * from api.complete_past_bookings()', row(0, false),
              'a second run finds nothing');
select results_eq('table state', 'table before', 'and changes nothing');

-- Limits -------------------------------------------------------------------------------------
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, student_id, student_email, is_active, exam_date)
select 'L-' || n, 'L-' || n, 'E-nowhere', 'L-' || n, n || '@example.com', 'Active',
       date '2029-01-01' + n
  from generate_series(1, 3) n;
select row_eq('select * from api.complete_past_bookings(2)', row(2, true),
              'a limit that is reached says to call again');
select results_eq(
  $$select booking_id, is_active from states where booking_id like 'L-%' order by 1$$,
  $$values ('L-1', 'Completed'), ('L-2', 'Completed'), ('L-3', 'Active')$$,
  'the oldest come first');
select row_eq('select * from api.complete_past_bookings(2)', row(1, false), 'the rest follows');
select row_eq('select * from api.complete_past_bookings(10000)', row(0, false),
              '10,000 may be asked for');

set local test.now = '2030-02-03 08:00+00';
select is(pg_temp.by('Boss@example.com', 'api.complete_past_bookings()') ->> 'changed', '1',
          'an administrator''s login may');
select pg_temp.refused($$select api.cancel_booking('A-2')$$, 'MBSTA', 'A-2',
                       'what is completed is not cancelled any more');

select is_empty($$select v.name, v.sample from api.verify() v where v.violations > 0$$,
                'after all this every invariant holds');

select * from finish();
rollback;
