begin;
select plan(47);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return current_setting('test.now')::timestamptz;
set local test.now = '2030-01-01 09:00+00';

insert into hubspot_sync.admin_users (email) values ('boss@example.com');
insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_type, exam_date, start_time, capacity, is_active)
values
  ('E-1', 'Situational Judgment', '2030-02-01', '09:00', 9, 'true'),
  ('E-2', 'Situational Judgment', '2030-02-02', '09:00', 9, 'true'),
  ('E-ever', 'Mini-mock', 'infinity', '09:00', 9, 'true');
insert into hubspot_sync.hubspot_contact_credits
  (hubspot_id, student_id, email, sj_credits, sjmini_credits)
values
  ('C-1', 'S-1', 'ann@example.com', 5, 5),
  ('C-2', 'S-2', 'bob@example.com', 5, 5);

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
       pg_temp.book('B-1', 'E-1', 'S-2', 'bob@example.com');
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, student_id, student_email, is_active, exam_date)
values
  ('O-ever', 'O-ever', 'E-ever', 'S-5', 'eve@example.com', 'Active', null),
  ('O-odd', 'O-odd', 'E-nowhere', 'S-6', 'fay@example.com', 'Waitlisted', '2030-01-01'),
  ('O-none', 'O-none', 'E-nowhere', 'S-7', 'gus@example.com', null, '2030-01-01'),
  ('O-time', 'O-time', 'E-nowhere', 'S-8', 'hal@example.com', 'Active', '2030-02-01 17:00'),
  ('O-when', 'O-when', 'E-nowhere2', 'S-8', 'hal@example.com', 'Active', null);

-- Refusals -----------------------------------------------------------------------------------
set local test.now = '2030-02-01 00:00+00';
create temp table before as table state;
select pg_temp.refused('select ' || r.call, r.code, r.named, r.fact)
  from (values
    ('api.mark_attendance()', '22023', 'attendance', 'marking nothing is refused'),
    ($$api.mark_attendance('A-1')$$, '22023', 'null', 'marking without a word is refused'),
    ($$api.mark_attendance('A-1', '')$$, '22023', 'attendance', 'an empty word is none'),
    ($$api.mark_attendance('A-1', '  ')$$, '22023', 'attendance', 'a blank word is none'),
    ($$api.mark_attendance('A-1', 'maybe')$$, '22023', 'maybe', 'another word is refused'),
    ($$api.mark_attendance('A-1', 'attended')$$, '22023', 'attended',
     'also one of HubSpot''s'),
    ($$api.mark_attendance('A-1', 'Yes; No')$$, '22023', 'Yes; No', 'two words are none'),
    ($q$api.mark_attendance('A-1', '%s''; drop table x; $$')$q$, '22023',
     $q$%s'; drop table x; $$$q$,
     'SQL in a word is no SQL'),
    ($$api.mark_attendance(null, 'Yes')$$, '22023', 'p_booking_id', 'nobody''s is refused'),
    ($$api.mark_attendance('', 'Yes')$$, '22023', 'p_booking_id', 'an empty id is none'),
    ($$api.mark_attendance('  ', 'Yes')$$, '22023', 'p_booking_id', 'a blank id is none'),
    ($$api.mark_attendance('nope', 'Yes')$$, 'MBNOF', 'nope', 'an unknown booking is refused'),
    ($$api.mark_attendance('a-1', 'Yes')$$, 'MBNOF', 'a-1', 'booking ids differ by case'),
    ($$api.mark_attendance('100%s %1$s', 'Yes')$$, 'MBNOF', '100%s %1$s',
     'an id with format signs is named as it is'),
    ($$api.mark_attendance(E'A-1''--\\\n\x01', 'Yes')$$, 'MBNOF', E'A-1''--\\\n\x01',
     'so is one with quotes, backslashes and control characters'),
    ($$api.mark_attendance('A-2', 'Yes')$$, 'MBERL', 'A-2',
     'before the exam''s day nobody has come'),
    ($$api.mark_attendance('A-2', 'No')$$, 'MBERL', 'A-2', 'nor failed to'),
    ($$api.mark_attendance('A-2', 'Unknown')$$, 'MBERL', 'A-2',
     'nor is there anything to take back'),
    ($$api.mark_attendance('O-ever', 'Yes')$$, 'MBERL', 'O-ever',
     'a day that never comes is yet to come'),
    ($$api.mark_attendance('O-odd', 'Yes')$$, 'MBSTA', 'O-odd',
     'a booking of an unknown state is refused'),
    ($$api.mark_attendance('O-none', 'Yes')$$, 'MBSTA', 'O-none',
     'a booking without a state is refused')
  ) as r (call, code, named, fact);
select pg_temp.refused_to(r.email, r.call, '42501', r.named, r.fact)
  from (values
    ('ann@example.com', $$api.mark_attendance('A-1', 'Yes')$$, 'administrators',
     'a student does not say that they came'),
    ('ann@example.com', 'api.mark_attendance()', 'administrators',
     'who asks comes before what is asked'),
    ('', $$api.mark_attendance('A-1', 'Yes')$$, 'email', 'a login without an email is nobody')
  ) as r (email, call, named, fact);
select results_eq('table state', 'table before', 'a refusal changes nothing');

-- Marking ------------------------------------------------------------------------------------
create temp table last as
  select (select max(id) from hubspot_sync.sync_queue) as queued,
         (select max(id) from hubspot_sync.supabase_audit_log) as audited;
select row_eq(
  $$select booking_id, is_active, attendance, replayed from api.mark_attendance(' A-1 ', ' yES ')$$,
  row('A-1'::text, 'Active'::text, 'Yes'::text, false),
  'from the first minute of the day on it is noted, whatever the spelling');
select results_eq(
  $$select q.operation, q.new_data from hubspot_sync.sync_queue q, last where q.id > last.queued$$,
  $$values ('update', '{"attendance": "Yes"}'::jsonb)$$, 'HubSpot is told that, and nothing else');
select results_eq(
  $$select e.booking_id, e.event_type from hubspot_sync.booking_events e, last
     where e.id > last.audited$$,
  $$values ('A-1', 'attended')$$, 'the event says so');
drop table if exists before;
create temp table before as table state;
select row_eq($$select attendance, replayed from api.mark_attendance('A-1', 'YES')$$,
              row('Yes'::text, true), 'what is so already is answered as a replay');
select row_eq($$select attendance, replayed from api.mark_attendance('B-1', 'unknown')$$,
              row(null::text, true), 'what is not known is so already');
select results_eq('table state', 'table before', 'a replay changes nothing');
select row_eq($$select attendance, replayed from api.mark_attendance('A-1', 'no')$$,
              row('No'::text, false), 'one may be mistaken');
select row_eq($$select attendance, replayed from api.mark_attendance('A-1', 'Unknown')$$,
              row(null::text, false), 'and take it back');
select results_eq(
  $$select e.event_type from hubspot_sync.booking_events e, last where e.id > last.audited
     order by e.id$$,
  $$values ('attended'), ('no_show'), ('modified')$$, 'each is an event');
select is((api.mark_attendance('O-time', 'Yes')).attendance, 'Yes',
          'an exam with a time of day counts by its day');
select is((api.mark_attendance('O-when', 'No')).attendance, 'No',
          'a booking without a date may be marked');

-- States -------------------------------------------------------------------------------------
update hubspot_sync.hubspot_bookings set is_active = 'Completed' where booking_id = 'A-1';
select row_eq($$select is_active, attendance from api.mark_attendance('A-1', 'Yes')$$,
              row('Completed'::text, 'Yes'::text), 'a completed booking is marked');
select api.cancel_booking('B-1');
drop table if exists before;
create temp table before as table state;
select pg_temp.refused($$select api.mark_attendance('B-1', 'Yes')$$, 'MBSTA', 'B-1',
                       'a cancelled one is not');
select pg_temp.refused($$select api.mark_attendance('B-1', 'Unknown')$$, 'MBSTA', 'Cancelled',
                       'not even to take it back');
select results_eq('table state', 'table before', 'that refusal changes nothing');

-- The business's day -------------------------------------------------------------------------
update hubspot_sync.settings set value = 'Pacific/Auckland' where key = 'time_zone';
set local test.now = '2030-02-01 10:59:59+00';
select pg_temp.refused($$select api.mark_attendance('A-2', 'Yes')$$, 'MBERL', 'A-2',
                       'a second before midnight there it is too early');
set local test.now = '2030-02-01 11:00+00';
select is((api.mark_attendance('A-2', 'Yes')).attendance, 'Yes',
          'at midnight there it is the exam''s day');

select is(pg_temp.by('Boss@example.com', $$api.mark_attendance('A-2', 'No')$$) ->> 'attendance',
          'No', 'an administrator''s login may');
select is((select e.admin_email from hubspot_sync.booking_events e order by e.id desc limit 1),
          'Boss@example.com', 'and is who did it');

-- Texts of 10 MB -----------------------------------------------------------------------------
select pg_temp.refused($$select api.mark_attendance('A-2', repeat('x', 10485760))$$, '22023',
                       '500', 'a word of 10 MB is not sent back');
select pg_temp.refused($$select api.mark_attendance(repeat('x', 10485760), 'Yes')$$, '22023',
                       '500', 'nor is an id');


select is_empty($$select v.name, v.sample from api.verify() v where v.violations > 0$$,
                'after all this every invariant holds');

select * from finish();
rollback;
