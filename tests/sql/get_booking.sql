begin;
select plan(48);

insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_type, exam_date, start_time, capacity, is_active)
values ('E-1', 'Clinical Skills', current_date + 30, '09:00', 2, 'true');
insert into hubspot_sync.hubspot_contact_credits
  (hubspot_id, student_id, email, firstname, lastname, cs_credits)
values ('C-1', 'S-1', 'Ann@Example.com', 'Ann', 'Lee', 2);
create temp table made as
  select *
    from api.create_booking('E-1', 'S-1', 'ann@example.com',
                            p_attending_location => 'Lab 2', p_dominant_hand => 'left');
update hubspot_sync.hubspot_bookings set hubspot_id = 'B-1' where id = (select id from made);

select is((api.get_booking(p_id => (select id from made))).booking_id,
          (select booking_id from made), 'a booking is found by its id');
select is((api.get_booking(p_hubspot_id => ' B-1 ')).booking_id,
          (select booking_id from made), 'a booking is found by its HubSpot id');
select is((api.get_booking(p_booking_id => ' ' || (select booking_id from made))).id,
          (select id from made), 'a booking is found by its booking id');
select is((api.get_booking((select id from made), 'nobody', 'nobody')).id,
          (select id from made), 'the id comes first');
select is((api.get_booking(p_hubspot_id => '', p_booking_id => (select booking_id from made))).id,
          (select id from made), 'an empty HubSpot id is none');
select is((api.get_booking(p_hubspot_id => 'B-1')).replayed, null,
          'a booking that is read is no replay');
select row_eq(
  $$select hubspot_id, is_active, mock_exam_id, mock_type, student_name, student_email,
           token_used, attending_location, dominant_hand
      from api.get_booking(p_hubspot_id => 'B-1')$$,
  row('B-1'::text, 'Active'::text, 'E-1'::text, 'Clinical Skills'::text, 'Ann Lee'::text,
      'Ann@Example.com'::text, 'Clinical Skills Token'::text, 'Lab 2'::text, 'left'::text),
  'a booking is answered whole');
select is((api.get_booking(p_hubspot_id => 'B-1')).exam_date, current_date + 30,
          'a booking tells the exam''s date');

select throws_ok('select api.get_booking()', '22023', null, 'asking for nothing is refused');
select throws_ok($$select api.get_booking(null, ' ', '')$$, '22023', null,
                 'blanks ask for nothing');
select throws_ok($$select api.get_booking(p_id => gen_random_uuid())$$, 'MBNOF', null,
                 'an unknown id is refused');
select throws_ok($$select api.get_booking(p_hubspot_id => 'B-2')$$, 'MBNOF', null,
                 'an unknown HubSpot id is refused');
select throws_ok($$select api.get_booking(p_booking_id => 'BK-20300101-XXXXXX')$$, 'MBNOF', null,
                 'an unknown booking id is refused');

-- Old data may hold a booking id twice; the rows are marked exempt.
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, student_id, student_email, is_active, exempt)
select 'B-2', booking_id, 'E-9', 'S-9', 'bob@example.com', 'Cancelled', true from made;
select is((api.get_booking(p_booking_id => (select booking_id from made))).hubspot_id, 'B-1',
          'of two bookings with one booking id the sound one is answered');

-- Logins -------------------------------------------------------------------------------------
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
insert into hubspot_sync.admin_users (email) values ('boss@example.com');
update hubspot_sync.hubspot_bookings set booking_id = 'A-1' where hubspot_id = 'B-1';
insert into hubspot_sync.hubspot_bookings
  (id, hubspot_id, booking_id, mock_exam_id, student_id, student_email, is_active)
values ('00000000-0000-4000-8000-0000000000b2', 'B-bob', 'B-1', 'E-1', 'S-2', 'bob@example.com',
        'Cancelled');
create temp table before as table state;
select is(pg_temp.by(' ANN@example.com ', $$api.get_booking(p_booking_id => 'A-1')$$)
            ->> 'hubspot_id', 'B-1', 'a student sees their own, however their email is spelled');
select is(pg_temp.by('ann@example.com', $$api.get_booking(p_hubspot_id => 'B-1')$$)
            ->> 'booking_id', 'A-1', 'by any of its ids');
select is(pg_temp.by('Boss@example.com', $$api.get_booking(p_booking_id => 'B-1')$$)
            ->> 'student_email', 'bob@example.com', 'an administrator sees everybody''s');
select pg_temp.refused_to(r.email, 'api.get_booking(' || r.arguments || ')', r.code, r.named,
                          r.fact)
  from (values
    ('ann@example.com', $$p_booking_id => 'B-1'$$, 'MBNOF', 'B-1',
     'to a student the booking of another is not there'),
    ('ann@example.com', $$p_hubspot_id => 'B-bob'$$, 'MBNOF', 'B-bob',
     'by none of its ids'),
    ('ann@example.com', $$'00000000-0000-4000-8000-0000000000b2'$$, 'MBNOF', '0000000000b2',
     'however well it is known'),
    ('ann@example.com', $$p_booking_id => 'B-9'$$, 'MBNOF', 'B-9', 'as if it did not exist'),
    ('ann@example.com', '', '22023', 'p_booking_id', 'a student asks for something, too'),
    ('', $$p_booking_id => 'A-1'$$, '42501', 'email', 'a login without an email sees nothing'),
    (null, '', '42501', 'email', 'who asks comes before what is asked')
  ) as r (email, arguments, code, named, fact);
select is((pg_temp.refusal(format('select pg_temp.by(%L, %L)', 'ann@example.com',
                                  $$api.get_booking(p_booking_id => 'B-1')$$))).message,
          replace((pg_temp.refusal(format('select pg_temp.by(%L, %L)', 'ann@example.com',
                                  $$api.get_booking(p_booking_id => 'B-9')$$))).message,
                  'B-9', 'B-1'),
          'the words do not tell which of the two it is');
create function pg_temp.with_claims(p_claims text) returns text language plpgsql as $$
declare
  v_answer text;
begin
  perform set_config('request.jwt.claims', p_claims, true);
  set local role authenticated;
  v_answer := (api.get_booking(p_booking_id => 'A-1')).booking_id;
  reset role;
  perform set_config('request.jwt.claims', '', true);
  return v_answer;
end
$$;
select is((pg_temp.refusal(format('select pg_temp.with_claims(%L)', c.claims))).code, '42501',
          c.fact)
  from (values
    ('', 'a login without claims sees nothing'),
    ('{}', 'nor does one with empty ones'),
    ('[]', 'nor with none of the right shape'),
    ('not json', 'nor with none that can be read'),
    ('null', 'nor with null'),
    ('{"email": null}', 'nor with a null email'),
    ('{"email": "  "}', 'nor with a blank one'),
    ('{"email": {"a": "ann@example.com"}, "sub": "ann@example.com", "is_anonymous": true}',
     'nor an anonymous one'),
    ('{"user_metadata": {"email": "ann@example.com"}}', 'what a user may edit says nothing'),
    ('{"role": "service_role"}', 'a role in the claims is no role')
  ) as c (claims, fact);
select is((pg_temp.refusal(format('select pg_temp.with_claims(%L)', c.claims))).code, 'MBNOF',
          c.fact)
  from (values
    ('{"email": "%"}', 'a percent sign matches nobody'),
    ('{"email": "ann@example.com'' or ''1''=''1"}', 'SQL in an email is no SQL'),
    ('{"email": ["ann@example.com"]}', 'a list of emails is none')
  ) as c (claims, fact);
select is(pg_temp.with_claims('{"email": "ann@example.com", "is_anonymous": false}'), 'A-1',
          'a login that says it is not anonymous is a login');

-- Strange ids --------------------------------------------------------------------------------
select pg_temp.refused('select api.get_booking(' || r.arguments || ')', 'MBNOF', r.named, r.fact)
  from (values
    ($$p_booking_id => 'a-1'$$, 'a-1', 'booking ids differ by case'),
    ($$p_hubspot_id => 'b-1'$$, 'b-1', 'HubSpot ids, too'),
    ($$p_booking_id => 'A-1'' or true --'$$, $$A-1' or true --$$,
     'SQL in a booking id is no SQL'),
    ($$p_hubspot_id => '100%s %1$s %%'$$, '100%s %1$s %%',
     'a HubSpot id with format signs is named as it is'),
    ($q$p_booking_id => E'$$A-1$$\\\n\x01'$q$, E'$$A-1$$\\\n\x01',
     'so is a booking id with dollars, backslashes and control characters'),
    ($$p_id => '00000000-0000-0000-0000-000000000000'$$, '00000000-0000-0000-0000-000000000000',
     'an id of zeroes is nobody''s')
  ) as r (arguments, named, fact);
select results_eq('table state', 'table before', 'reading changes nothing');

-- Ids of 10 MB -------------------------------------------------------------------------------
select pg_temp.refused($$select api.get_booking(p_hubspot_id => repeat('x', 10485760))$$,
                       '22023', '500', 'a HubSpot id of 10 MB is not sent back');
select pg_temp.refused($$select api.get_booking(p_booking_id => repeat('x', 10485760))$$,
                       '22023', '500', 'nor is a booking id');


select * from finish();
rollback;
