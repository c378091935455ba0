begin;
select plan(101);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return current_setting('test.now')::timestamptz;
set local test.now = '2030-01-01 09:00+00';

insert into hubspot_sync.admin_users (email) values ('boss@example.com');
insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_type, exam_date, start_time, capacity, is_active)
values
  ('E-1', 'Situational Judgment', '2030-02-01', '09:00', 3, 'true'),
  ('E-1pm', 'Situational Judgment', '2030-02-01', '14:00', 3, 'true'),
  ('E-2', 'Situational Judgment', '2030-02-02', '09:00', 3, 'true'),
  ('E-3', 'Situational Judgment', '2030-02-03', '09:00', 3, 'true'),
  ('E-one', 'Situational Judgment', '2030-02-04', '09:00', 1, 'true'),
  ('E-full', 'Situational Judgment', '2030-02-05', '09:00', 1, 'true'),
  ('E-cs', 'Clinical Skills', '2030-02-06', '09:00', 3, 'true'),
  ('E-mini', 'Mini-mock', '2030-02-07', '09:00', 3, 'true'),
  ('E-mini2', 'Mini-mock', '2030-02-08', '09:00', 3, 'true'),
  ('E-talk', 'Mock Discussion', '2030-02-09', '09:00', 3, 'true'),
  ('E-zero', 'Situational Judgment', '2030-02-10', '09:00', 0, 'true'),
  ('E-off', 'Situational Judgment', '2030-02-11', '09:00', 3, 'false'),
  ('E-now', 'Situational Judgment', '2030-01-01', '09:00', 3, 'true'),
  ('E-past', 'Situational Judgment', '2029-12-31', '09:00', 3, 'true'),
  ('E-dateless', 'Situational Judgment', null, '09:00', 3, 'true'),
  ('E-chess', 'Chess', '2030-02-12', '09:00', 3, 'true'),
  ('E-100%s', 'Situational Judgment', '2030-02-13', '09:00', 3, 'true'),
  ('E-late', 'Situational Judgment', '2030-03-01', '09:00', 3, 'true'),
  ('E-later', 'Situational Judgment', '2030-03-02', '09:00', 3, 'true');
insert into hubspot_sync.hubspot_contact_credits
  (hubspot_id, student_id, email, sj_credits, cs_credits, sjmini_credits, shared_mock_credits)
values
  ('C-1', 'S-1', 'Ann@Example.com', 1, 0, 1, 1),
  ('C-2', 'S-2', 'bob@example.com', 5, 0, 0, 0);

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
create temp view taken as
  select e.hubspot_id, s.taken
    from hubspot_sync.exam_seats s join hubspot_sync.hubspot_mock_exams e on e.id = s.exam;

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
select pg_temp.book('A-sj', 'E-1', 'S-1', 'ann@example.com'),
       pg_temp.book('A-shared', 'E-3', 'S-1', 'ann@example.com'),
       pg_temp.book('A-mini', 'E-mini', 'S-1', 'ann@example.com'),
       pg_temp.book('B-full', 'E-full', 'S-2', 'bob@example.com'),
       pg_temp.book('B-gone', 'E-2', 'S-2', 'bob@example.com'),
       pg_temp.book('B-done', 'E-one', 'S-2', 'bob@example.com');
select api.cancel_booking('B-gone');
update hubspot_sync.hubspot_bookings set is_active = 'Completed' where booking_id = 'B-done';
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, contact_id, student_id, student_email, is_active)
values ('B-odd', 'B-odd', 'E-3', 'C-2', 'S-2', 'bob@example.com', 'Waitlisted'),
       ('B-none', 'B-none', 'E-3', 'C-2', 'S-2', 'bob@example.com', null);

-- Refusals -----------------------------------------------------------------------------------
create temp table before as table state;
select pg_temp.refused('select ' || r.call, r.code, r.named, r.fact)
  from (values
    ('api.move_booking()', '22023', 'p_mock_exam_id', 'moving nothing nowhere is refused'),
    ($$api.move_booking('A-sj')$$, '22023', 'p_mock_exam_id', 'moving nowhere is refused'),
    ($$api.move_booking('A-sj', '')$$, '22023', 'p_mock_exam_id', 'an empty exam is none'),
    ($$api.move_booking('A-sj', '  ')$$, '22023', 'p_mock_exam_id', 'a blank exam is none'),
    ($$api.move_booking(null, 'E-2')$$, '22023', 'p_booking_id', 'moving nothing is refused'),
    ($$api.move_booking('', 'E-2')$$, '22023', 'p_booking_id', 'an empty booking is none'),
    ($$api.move_booking('  ', 'E-2')$$, '22023', 'p_booking_id', 'a blank booking is none'),
    ($$api.move_booking('A-sj', repeat('x', 501))$$, '22023', '500',
     'an exam''s id of more than 500 characters is refused'),
    ($$api.move_booking('A-sj', repeat('x', 10485760))$$, '22023', '500',
     'an exam''s id of 10 MB is refused'),
    ($$api.move_booking('A-sj', 'E-2', repeat('x', 10485760))$$, '22023', '500',
     'a reason of 10 MB is refused'),
    ($$api.move_booking('BK-20300101-XXXXXX', 'E-2')$$, 'MBNOF', 'BK-20300101-XXXXXX',
     'an unknown booking is refused'),
    ($$api.move_booking('a-sj', 'E-2')$$, 'MBNOF', 'a-sj', 'booking ids differ by case'),
    ($$api.move_booking('nope', 'nope')$$, 'MBNOF', 'nope',
     'the booking is looked for before the exam'),
    ($$api.move_booking('A-sj', 'E-9')$$, 'MBEXM', 'E-9', 'an unknown exam is refused'),
    ($$api.move_booking('A-sj', 'e-2')$$, 'MBEXM', 'e-2', 'exams'' ids differ by case'),
    ($$api.move_booking('A-sj', 'E-off')$$, 'MBINA', 'E-off', 'an inactive exam is refused'),
    ($$api.move_booking('A-sj', 'E-past')$$, 'MBPST', 'E-past',
     'an exam that has started is refused'),
    ($$api.move_booking('A-sj', 'E-now')$$, 'MBPST', 'E-now',
     'an exam that starts this moment is refused'),
    ($$api.move_booking('A-sj', 'E-dateless')$$, 'MBPST', 'E-dateless',
     'an exam without a date is refused'),
    ($$api.move_booking('A-sj', 'E-full')$$, 'MBFUL', 'E-full', 'a full exam is refused'),
    ($$api.move_booking('A-sj', 'E-zero')$$, 'MBFUL', 'E-zero', 'an exam without seats is full'),
    ($$api.move_booking('A-sj', 'E-chess')$$, 'MBTYP', 'E-chess',
     'an exam no credit pays for is refused'),
    ($$api.move_booking('A-sj', 'E-cs')$$, 'MBTYP', 'E-cs',
     'the credit of one type does not pay for another'),
    ($$api.move_booking('A-mini', 'E-1')$$, 'MBTYP', 'A-mini',
     'a mini-mock''s credit stays with mini-mocks'),
    ($$api.move_booking('A-shared', 'E-mini2')$$, 'MBTYP', 'A-shared',
     'a shared credit does not pay for a mini-mock'),
    ($$api.move_booking('A-shared', 'E-talk')$$, 'MBTYP', 'E-talk',
     'a shared credit does not pay for a discussion'),
    ($$api.move_booking('A-sj', 'E-3')$$, 'MBDUP', 'S-1',
     'a student does not have two bookings for one exam'),
    ($$api.move_booking('A-shared', 'E-1pm')$$, 'MBDUP', 'E-1pm',
     'nor two of one type that day'),
    ($$api.move_booking('B-gone', 'E-3')$$, 'MBSTA', 'B-gone',
     'a cancelled booking is not moved'),
    ($$api.move_booking('B-gone', 'E-2')$$, 'MBSTA', 'B-gone',
     'nor to where it was'),
    ($$api.move_booking('B-done', 'E-3')$$, 'MBSTA', 'B-done',
     'a completed booking is not moved'),
    ($$api.move_booking('B-odd', 'E-1')$$, 'MBSTA', 'B-odd',
     'a booking of an unknown state is not moved'),
    ($$api.move_booking('B-none', 'E-1')$$, 'MBSTA', 'B-none',
     'a booking without a state is not moved'),
    ($$api.move_booking('100%s %n$', 'E-1')$$, 'MBNOF', '100%s %n$',
     'an id with format signs is named as it is'),
    ($$api.move_booking('A-sj', '%1$s % %%')$$, 'MBEXM', '%1$s % %%',
     'so is an exam''s'),
    ($$api.move_booking('A-sj''; drop schema api cascade; --', 'E-2')$$, 'MBNOF', 'drop schema',
     'SQL in a booking''s id is no SQL'),
    ($$api.move_booking('A-sj', 'E-2'') or (''1''=''1')$$, 'MBEXM', $q$('1'='1$q$,
     'SQL in an exam''s id is no SQL'),
    ('api.move_booking(''$$A-sj$$'', ''E-2'')', 'MBNOF', '$$A-sj$$', 'dollars quote nothing'),
    ($$api.move_booking(E'A-sj\\\n\t\x01', 'E-2')$$, 'MBNOF', E'A-sj\\\n\t\x01',
     'backslashes and control characters are part of an id')
  ) as r (call, code, named, fact);
select results_eq('table state', 'table before', 'a refusal changes nothing');

-- A move -------------------------------------------------------------------------------------
create temp table last as
  select (select max(id) from hubspot_sync.sync_queue) as queued,
         (select max(id) from hubspot_sync.supabase_audit_log) as audited,
         (select count(*) from hubspot_sync.credit_ledger) as entries,
         (select md5(string_agg(c::text, ';' order by c.id))
            from hubspot_sync.hubspot_contact_credits c) as contacts;
create temp table was as
  select * from hubspot_sync.hubspot_bookings where booking_id = 'A-sj';
create temp table moved as
  select * from api.move_booking(' A-sj ', ' E-2 ', 'ill'' -- $$ %s \');
select row_eq(
  $$select m.id = w.id, m.booking_id, m.is_active, m.mock_exam_id, m.mock_type, m.exam_date,
           m.student_id, m.token_used, m.created_at = w.created_at, m.replayed
      from moved m, was w$$,
  row(true, 'A-sj'::text, 'Active'::text, 'E-2'::text, 'Situational Judgment'::text,
      '2030-02-02'::date, 'S-1'::text, 'Situational Judgment Token'::text, true, false),
  'a moved booking is the same booking at the other exam; blanks do not matter');
select results_eq(
  $$select hubspot_id, taken from taken where hubspot_id in ('E-1', 'E-2') order by 1$$,
  $$values ('E-1', 0), ('E-2', 1)$$, 'one seat is freed and one taken');
select is((select md5(string_agg(c::text, ';' order by c.id))
             from hubspot_sync.hubspot_contact_credits c), (select contacts from last),
          'no contact changes');
select is((select count(*) from hubspot_sync.credit_ledger), (select entries from last),
          'no credit moves');
select results_eq(
  $$select q.table_name, q.operation, q.old_data, q.new_data
      from hubspot_sync.sync_queue q, last where q.id > last.queued$$,
  $$values ('hubspot_bookings', 'update',
            '{"@exam": "E-1", "mock_exam_id": "E-1", "exam_date": "2030-02-01"}'::jsonb,
            '{"@exam": "E-2", "mock_exam_id": "E-2", "exam_date": "2030-02-02"}'::jsonb)$$,
  'HubSpot is told the new exam and its date, and nothing else');
select results_eq(
  $$select e.booking_id, e.event_type, e.metadata ->> 'reason'
      from hubspot_sync.booking_events e, last where e.id > last.audited$$,
  $q$values ('A-sj', 'moved', 'ill'' -- $$ %s \')$q$,
  'the event says so, with the reason to the letter');
select is(current_setting('hubspot_sync.reason'), '',
          'the next change does not inherit the reason');
select ok(exists (select from hubspot_sync.hubspot_bookings b
                    join hubspot_sync.hubspot_mock_exams e on e.id = b.exam
                   where b.booking_id = 'A-sj' and e.hubspot_id = 'E-2'),
          'it belongs to the other exam');

drop table if exists before;
create temp table before as table state;
select row_eq($$select mock_exam_id, replayed from api.move_booking('A-sj', 'E-2')$$,
              row('E-2'::text, true), 'moving to where it is is answered as a replay');
select row_eq($$select mock_exam_id, replayed from api.move_booking(' A-sj', 'E-2 ', 'x')$$,
              row('E-2'::text, true), 'blanks around do not matter to that');
select results_eq('table state', 'table before', 'a replay changes nothing');

select is((api.move_booking('A-sj', 'E-1')).replayed, false, 'back is another move');
select is((api.move_booking('A-sj', 'E-1pm')).mock_exam_id, 'E-1pm',
          'a booking does not stand in its own way on one day');
select is((api.move_booking('A-sj', 'E-100%s')).mock_exam_id, 'E-100%s',
          'an exam may have any id');
select is((select e.metadata ->> 'reason' from hubspot_sync.booking_events e
            where e.event_type = 'moved' order by e.id desc limit 1), null,
          'a move without a reason has none');

-- Which credit -------------------------------------------------------------------------------
select row_eq($$select mock_type, exam_date, token_used from api.move_booking('A-shared', 'E-cs')$$,
              row('Clinical Skills'::text, '2030-02-06'::date, 'Shared Token'::text),
              'what a shared credit paid for may become another type it pays for');
select is((api.move_booking('A-mini', 'E-mini2')).mock_exam_id, 'E-mini2',
          'a mini-mock moves to a mini-mock');
select is((api.cancel_booking('A-shared')).replayed, false, 'a moved booking is cancelled');
select row_eq(
  $$select sj_credits, cs_credits, sjmini_credits, shared_mock_credits
      from hubspot_sync.hubspot_contact_credits where student_id = 'S-1'$$,
  row(0, 0, 0, 1), 'its credit goes back to where it came from, whatever it was moved to');
select is((select taken from taken where hubspot_id = 'E-cs'), 0, 'and the last seat is free');

-- The old application's: what paid for it is not known.
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, contact_id, student_id, student_email, is_active,
   token_used)
values
  ('O-1', 'OLD-1', 'E-mini', 'C-2', 'S-2', 'bob@example.com', 'Active', null),
  ('O-2', 'OLD-2', 'E-1', 'C-2', 'S-2', 'bob@example.com', 'Active', 'Golden Token'),
  ('O-3', 'OLD-3', 'E-nowhere', null, 'S-8', 'eve@example.com', 'Active', 'Shared Token');
select is((api.move_booking('OLD-1', 'E-mini2')).mock_exam_id, 'E-mini2',
          'a booking without a token moves within its type');
select is((api.move_booking('OLD-2', 'E-2')).mock_exam_id, 'E-2',
          'a booking with an unknown token moves within its type');
select pg_temp.refused($$select api.move_booking('OLD-2', 'E-cs')$$, 'MBTYP', 'OLD-2',
                       'but not to another one');
select is((api.move_booking('OLD-3', 'E-1')).mock_exam_id, 'E-1',
          'a booking of an exam that is not here can be brought to one that is');
select is((select taken from taken where hubspot_id = 'E-1'), 1, 'and takes its seat');

-- Exempt bookings ----------------------------------------------------------------------------
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, contact_id, student_id, student_email, is_active,
   token_used, exempt)
values ('O-4', 'OLD-4', 'E-2', 'C-2', 'S-2', 'bob@example.com', 'Active', 'Shared Token', true);
select pg_temp.refused($$select api.move_booking('B-full', 'E-2')$$, 'MBDUP', 'S-2',
                       'old doubles stand in the way of a move');
select lives_ok($$select api.cancel_booking('OLD-2')$$, 'one of the doubles is cancelled');
select pg_temp.refused($$select api.move_booking('B-full', 'E-2')$$, 'MBDUP', 'S-2',
                       'an exempt booking still stands in the way');
select is((api.move_booking('OLD-4', 'E-3')).mock_exam_id, 'E-3', 'it can be moved out of it');
select is((select exempt from hubspot_sync.hubspot_bookings where booking_id = 'OLD-4'), false,
          'and keeps the rules from then on');

-- The last seat ------------------------------------------------------------------------------
select api.cancel_booking('OLD-1');
update hubspot_sync.hubspot_mock_exams set capacity = 2 where hubspot_id = 'E-one';
select is((api.move_booking('A-sj', 'E-one')).mock_exam_id, 'E-one', 'the last seat is taken');
drop table if exists before;
create temp table before as table state;
select pg_temp.refused($$select api.move_booking('OLD-3', 'E-one')$$, 'MBFUL', 'E-one',
                       'and not twice');
select results_eq('table state', 'table before', '«full» changes nothing');
select is((api.move_booking('A-sj', 'E-1')).mock_exam_id, 'E-1', 'somebody leaves');
select is((api.move_booking('OLD-3', 'E-one')).mock_exam_id, 'E-one', 'then the seat is free');

-- An idempotency key still answers its first booking.
select api.create_booking('E-2', 'S-2', 'bob@example.com', 'key-1');
select api.move_booking(b.booking_id, 'E-1pm')
  from hubspot_sync.hubspot_bookings b where b.idempotency_key = 'key-1';
select row_eq(
  $$select mock_exam_id, replayed
      from api.create_booking('E-2', 'S-2', 'bob@example.com', 'key-1')$$,
  row('E-2'::text, true), 'a key answers what was booked, wherever that is now');
select is((select count(*) from hubspot_sync.hubspot_bookings where idempotency_key = 'key-1'),
          1::bigint, 'and books nothing');

-- Logins -------------------------------------------------------------------------------------
select is(pg_temp.by('ANN@example.com ', $$api.move_booking('A-sj', 'E-2')$$) ->> 'mock_exam_id',
          'E-2', 'a student moves their own booking, however their email is spelled');
select is((select e.admin_email from hubspot_sync.booking_events e
            where e.booking_id = 'A-sj' and e.event_type = 'moved' order by e.id desc limit 1),
          'ANN@example.com ', 'and is who did it');
drop table if exists before;
create temp table before as table state;
select pg_temp.refused_to(r.email, r.call, r.code, r.named, r.fact)
  from (values
    ('bob@example.com', $$api.move_booking('A-sj', 'E-1')$$, 'MBNOF', 'A-sj',
     'to a student the booking of another is not there'),
    ('bob@example.com', $$api.move_booking('A-sj', 'E-2')$$, 'MBNOF', 'A-sj',
     'nor can they ask whether it is there already'),
    ('bob@example.com', $$api.move_booking('A-99', 'E-1')$$, 'MBNOF', 'A-99',
     'as if it did not exist'),
    ('ann@example.com', $$api.move_booking('A-sj', 'E-off')$$, 'MBINA', 'E-off',
     'a student does not get into a closed exam'),
    ('', $$api.move_booking('A-sj', 'E-1')$$, '42501', 'email', 'a login has an email'),
    (null, $$api.move_booking('A-sj', 'E-1')$$, '42501', 'email', 'a login without one is nobody'),
    ('', $$api.move_booking()$$, '42501', 'email', 'who asks comes before what is asked')
  ) as r (email, call, code, named, fact);
select is((pg_temp.refusal(format('select pg_temp.by(%L, %L)', 'bob@example.com',
                                  $$api.move_booking('A-sj', 'E-1')$$))).message,
          replace((pg_temp.refusal(format('select pg_temp.by(%L, %L)', 'bob@example.com',
                                  $$api.move_booking('A-xx', 'E-1')$$))).message, 'A-xx', 'A-sj'),
          'the words do not tell which of the two it is');
update hubspot_sync.settings set value = '48 hours' where key = 'cancellation_cutoff';
set local test.now = '2030-01-31 09:00:01+00';
select pg_temp.refused_to('ann@example.com', $$api.move_booking('A-sj', 'E-3')$$, 'MBCUT', 'A-sj',
                          'after the cut-off a student moves nothing');
select pg_temp.refused($$select api.move_booking('A-sj', 'E-3')$$, 'MBCUT', 'A-sj',
                       'nor does the application');
select is(pg_temp.by('ann@example.com', $$api.move_booking('A-sj', 'E-2')$$) ->> 'replayed',
          'true', 'moving to where it is is answered all the same');
select results_eq('table state', 'table before', 'no refusal changes anything');
select is(pg_temp.by('Boss@example.com', $$api.move_booking('A-sj', 'E-3')$$) ->> 'mock_exam_id',
          'E-3', 'an administrator''s login passes the cut-off');
update hubspot_sync.settings set value = null where key = 'cancellation_cutoff';
set local test.now = '2030-02-03 09:00:00+00';
select is(pg_temp.by('ann@example.com', $$api.move_booking('A-sj', 'E-100%s')$$)
            ->> 'mock_exam_id', 'E-100%s', 'without a cut-off a student has until the start');
set local test.now = '2030-02-13 09:00:00+00';
select is(pg_temp.by('ann@example.com', $$api.move_booking('A-sj', 'E-late')$$)
            ->> 'mock_exam_id', 'E-late', 'and it is not too late while it begins');
set local test.now = '2030-03-01 09:00:01+00';
select pg_temp.refused_to('ann@example.com', $$api.move_booking('A-sj', 'E-later')$$, 'MBCUT',
                          'A-sj', 'a second later it is');
select is(pg_temp.by('boss@example.com', $$api.move_booking('A-sj', 'E-later')$$)
            ->> 'mock_exam_id', 'E-later', 'an administrator may move who missed it');

-- A booking of which nobody knows what paid for it stays within its type.
set local test.now = '2030-01-01 09:00+00';
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, contact_id, student_id, student_email, is_active,
   token_used)
values ('O-5', 'OLD-5', 'E-mini', 'C-2', 'S-2', 'bob@example.com', 'Active', null);
select pg_temp.refused($$select api.move_booking('OLD-5', 'E-cs')$$, 'MBTYP', 'OLD-5',
                       'a booking without a token does not move to another type');
update hubspot_sync.hubspot_mock_exams set deleted_at = hubspot_sync.clock()
 where hubspot_id = 'E-zero';
select pg_temp.refused($$select api.move_booking('A-sj', 'E-zero')$$, 'MBEXM', 'E-zero',
                       'a deleted exam does not exist');
select pg_temp.refused($$select api.move_booking(repeat('x', 10485760), 'E-1')$$, '22023', '500',
                       'a booking''s id of 10 MB is not sent back');
set local test.now = '2030-03-02 00:00+00';
select api.mark_attendance('A-sj', 'No');
insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_type, exam_date, start_time, capacity, is_active)
values ('E-again', 'Situational Judgment', '2030-03-09', '09:00', 3, 'true');
select is((api.move_booking('A-sj', 'E-again')).attendance, null,
          'nobody has come, or failed to, to the exam it is moved to');


select is_empty($$select v.name, v.sample from api.verify() v where v.violations > 0$$,
                'after all this every invariant holds');

select * from finish();
rollback;
