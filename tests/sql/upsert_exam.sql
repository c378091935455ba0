begin;
select plan(53);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return current_setting('test.now')::timestamptz;
set local test.now = '2030-01-01 09:00+00';

-- Everything a refusal must leave alone.
create function pg_temp.state() returns table (what text, is_now text) language plpgsql as $$
begin
  for what in select c.relname from pg_class c
               where c.relnamespace = 'hubspot_sync'::regnamespace and c.relkind = 'r' order by 1
  loop
    execute format('select md5(string_agg(t::text, E''\n'' order by t::text))'
                   ' from hubspot_sync.%I t', what) into is_now;
    return next;
  end loop;
end
$$;

-- A new exam ---------------------------------------------------------------------------------
create temp table made as
  select * from api.upsert_exam(' E-1 ', ' First ', ' mini-MOCK ', 'A', '2030-02-01', ' 9:00 AM ',
                                '11:00', ' Lab ', 2, true);
select row_eq(
  $$select mock_exam_id, mock_exam_name, mock_type, mock_set, exam_date, start_time, end_time,
           starts_at, location, capacity, seats_taken, seats_left, status, is_active,
           scheduled_activation_at, deleted_at from made$$,
  row('E-1'::text, 'First'::text, 'Mini-mock'::text, 'A'::text, '2030-02-01'::date,
      '9:00 AM'::text, '11:00'::text, '2030-02-01 09:00+00'::timestamptz, 'Lab'::text, 2, 0, 2,
      'limited'::text, true, null::timestamptz, null::timestamptz),
  'a new exam is as given, without blanks, the type spelled as ours');
select row_eq(
  $$select capacity, is_active, exam_date, status from api.upsert_exam('E-bare')$$,
  row(0, false, null::date, 'full'::text),
  'an exam of which nothing is said is inactive and has no seats');
select results_eq(
  $$select e.hubspot_id, q.operation,
           (select string_agg(k.key, ' ' order by k.key) from jsonb_object_keys(q.new_data) k (key))
      from hubspot_sync.sync_queue q
      join hubspot_sync.hubspot_mock_exams e on e.id = q.record$$,
  $$values ('E-1', 'resend', 'capacity end_time exam_date is_active location mock_exam_name mock_set'
                             ' mock_type start_time')$$,
  'HubSpot is told what was given of a new exam, and nothing where nothing was');
delete from hubspot_sync.sync_queue;

-- A change -----------------------------------------------------------------------------------
create temp table before as select * from pg_temp.state() where what <> 'hubspot_mock_exams';
select is((api.upsert_exam('E-1')).mock_exam_name, 'First', 'what is left out stays');
select is((api.upsert_exam('E-1', '', null, ' ', null, '', ' ', '')).start_time, '9:00 AM',
          'what is blank is left out');
select results_eq($$select * from pg_temp.state() where what <> 'hubspot_mock_exams'$$,
                  'table before', 'where nothing is new nothing is queued or audited');
select is((api.upsert_exam('E-1', p_location => 'Hall', p_capacity => 5)).capacity, 5,
          'what is given is taken');
select results_eq(
  'select q.old_data, q.new_data from hubspot_sync.sync_queue q',
  $$values ('{"location": "Lab", "capacity": "2"}'::jsonb,
            '{"location": "Hall", "capacity": "5"}'::jsonb)$$,
  'HubSpot is told what changed, and nothing else');
select is((api.upsert_exam('E-1', p_is_active => false)).is_active, false, 'it is closed');
select is((api.upsert_exam('E-1', p_location => 'Attic')).is_active, false, 'and stays so');
select api.activate_exam('E-1', '2030-01-15 00:00+00');
select is((api.upsert_exam('E-1', p_location => 'Lab')).scheduled_activation_at,
          '2030-01-15 00:00+00'::timestamptz, 'a scheduled activation stays');
select is((api.upsert_exam('E-1', p_is_active => true)).scheduled_activation_at, null,
          'opening it forgets a scheduled activation');

-- Its bookings -------------------------------------------------------------------------------
insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email, sjmini_credits)
values ('C-1', 'S-1', 'ann@example.com', 3);
create temp table booked as select * from api.create_booking('E-1', 'S-1', 'ann@example.com');
select is((api.upsert_exam('E-1', p_exam_date => '2030-02-05')).starts_at,
          '2030-02-05 09:00+00'::timestamptz, 'a new date moves the start');
select is((api.get_booking((select id from booked))).exam_date, '2030-02-05'::date,
          'and its bookings');
select api.upsert_exam('E-2', 'Second', 'Mini-mock', null, '2030-02-06', '09:00',
       null, null, 3, true);
create temp table second as select * from api.create_booking('E-2', 'S-1', 'ann@example.com');
select lives_ok($$select api.upsert_exam('E-2', p_exam_date => '2030-02-05')$$,
                'an exam may move to a day on which a student has another of the type');
select results_eq(
  $$select c.field, c.record from hubspot_sync.sync_conflicts c$$,
  'select ''exam_date'', id from second', 'the second booking of that day is kept and noted');
select is((select b.exempt from hubspot_sync.hubspot_bookings b, second where b.id = second.id),
       true,
          'and marked exempt');
select is((api.upsert_exam('E-1', p_mock_type => 'mini-mock')).mock_type, 'Mini-mock',
          'the type it has may be said again');

-- Refusals -----------------------------------------------------------------------------------
insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_type, exam_date, start_time, capacity, is_active)
values ('E-past', 'Mini-mock', '2029-12-31', '09:00', 3, 'Active'),
       ('E-late', 'Mini-mock', '2029-12-31', '09:00', 3, 'false');
create function pg_temp.refused(p_arguments text, p_code text, p_fact text) returns setof text
  language plpgsql as $$
declare
  v_code text := 'answered';
  v_message text;
  v_hint text;
begin
  begin
    execute format('select api.upsert_exam(%s)', p_arguments);
    raise exception 'undone' using errcode = 'ZZ999';
  exception when sqlstate 'ZZ999' then
    null;
  when others then
    get stacked diagnostics v_message = message_text, v_hint = pg_exception_hint;
    v_code := case when v_hint = '' then sqlstate || ' without a hint'
      when length(v_message) > 1000 then sqlstate || ' with a long message' else sqlstate end;
  end;
  return query select is(v_code, p_code, p_fact);
end
$$;
drop table before;
create temp table before as select * from pg_temp.state();
select pg_temp.refused(r.arguments, r.code, r.fact)
  from (values
    ('', '22023', 'an exam of nothing is refused'),
    ('''  ''', '22023', 'a blank id is none'),
    ('repeat(''x'', 501)', '22023', 'an id of 501 characters is refused'),
    ('''E-3'', repeat(''x'', 10000000)', '22023', 'a name of ten million characters is refused'),
    ('''E-3'', null, ''Chess''', '22023', 'an unknown type is refused'),
    ('''E-3'', null, ''''', '22023', 'an empty type is unknown'),
    ('''E-3'', null, repeat(''x'', 10000000)', '22023', 'a type of ten million characters, too'),
    ('''E-3'', p_capacity => -1', 'MBCAP', 'a negative capacity is refused'),
    ('''E-3'', p_capacity => -2147483647 - 1', 'MBCAP', 'the most negative one, too'),
    ('''E-3'', p_start_time => ''morning''', '22023', 'a start nobody can read is refused'),
    ('''E-3'', p_end_time => ''25:00''', '22023', 'an end nobody can read is refused'),
    ('''E-3'', p_start_time => U&''09:00\2003PM''', '22023', 'a start with odd blanks is refused'),
    ('''E-3'', p_start_time => ''11:00'', p_end_time => ''11:00''', '22023',
     'an exam that ends as it starts is refused'),
    ('''E-1'', p_start_time => ''11:30''', '22023', 'a start behind the end it has is refused'),
    ('''E-3'', p_exam_date => ''2029-12-31''', 'MBPST', 'a new exam in the past is refused'),
    ('''E-3'', p_exam_date => ''2030-01-01'', p_start_time => ''09:00''', 'MBPST',
     'one that starts this moment, too'),
    ('''E-1'', p_exam_date => ''1900-01-01''', 'MBPST', 'no exam moves to the past'),
    ('''E-3'', p_exam_date => ''-infinity''', 'MBPST', 'nor before all time'),
    ('''E-3'', p_exam_date => ''infinity''', '22023', 'nor behind all time'),
    ('''E-3'', p_exam_date => ''5874897-12-31''', '22023', 'nor to where no clock reaches'),
    ('''E-1'', p_exam_date => ''infinity''', '22023', 'an exam with bookings neither'),
    ('''E-late'', p_is_active => true', 'MBPST', 'what has started is not opened'),
    ('''E-1'', p_mock_type => ''Clinical Skills''', 'MBTYP',
     'the type stays while somebody has paid for a seat')
  ) as r (arguments, code, fact);
select results_eq('select * from pg_temp.state()', 'table before', 'a refusal changes nothing');
select lives_ok(
  $$select api.upsert_exam('E-past', p_location => 'Hall', p_is_active => true)$$,
  'of an exam that has started and is open, in whatever spelling, the rest may be changed');
select is((api.upsert_exam('E-past', p_location => 'Attic')).location, 'Attic',
          'also when its state is left out');
select is((api.upsert_exam('E-3', n)).mock_exam_name, n, format('%s is a name like another', n))
  from unnest(array['''; drop table hubspot_sync.hubspot_bookings; --', '$$', '%s', '\', '"']) n;
select is((api.upsert_exam('E-big', p_capacity => 2147483647)).seats_left, 2147483647,
          'the largest number is a capacity');
select is((api.upsert_exam('E-bare', p_mock_type => 'Clinical Skills')).mock_type,
          'Clinical Skills', 'an exam without bookings changes its type');

-- A deleted exam -----------------------------------------------------------------------------
select api.delete_exam('E-1');
select row_eq(
  $$select is_active, deleted_at, seats_taken, exam_date from api.upsert_exam('E-1')$$,
  row(false, null::timestamptz, 0, '2030-02-05'::date),
  'a deleted exam comes back inactive, without its bookings');
select is_empty($$select v.name, v.sample from api.verify() v where v.violations > 0$$,
                'after all this every invariant holds');

select * from finish();
rollback;
