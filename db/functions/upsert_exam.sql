-- Makes an exam known here, or changes it: its HubSpot id comes first, since exams are born
-- there. A change goes to HubSpot through the outbox and to the exam's bookings by its triggers.
create or replace function api.upsert_exam(
  p_mock_exam_id text default null,
  p_mock_exam_name text default null,
  p_mock_type text default null,
  p_mock_set text default null,
  p_exam_date date default null,
  p_start_time text default null,
  p_end_time text default null,
  p_location text default null,
  p_capacity integer default null,
  p_is_active boolean default null
)
  returns api.exam
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $$
declare
  v_now timestamptz := hubspot_sync.clock();
  v_mock_type text;
  v_time text;
  v_old hubspot_sync.hubspot_mock_exams;
  v_new hubspot_sync.hubspot_mock_exams;
begin
  perform hubspot_sync.require_administrator();
  perform hubspot_sync.require_read_committed();
  perform hubspot_sync.require_short(
    p_mock_exam_id, p_mock_exam_name, p_mock_set, p_start_time, p_end_time, p_location);
  if coalesce(trim(p_mock_exam_id), '') = '' then
    raise exception 'p_mock_exam_id is missing'
      using errcode = '22023', hint = 'Create the exam in HubSpot first and give its id.';
  end if;
  if p_mock_type is not null then
    v_mock_type := (hubspot_sync.find_mock_type(p_mock_type)).mock_type;
  end if;
  if p_exam_date >= '3000-01-01' then
    raise exception 'p_exam_date % is no day of an exam', p_exam_date
      using errcode = '22023', hint = 'Give a day before the year 3000.';
  end if;
  if p_capacity < 0 then
    raise exception 'capacity % of mock exam % is negative', p_capacity, p_mock_exam_id
      using errcode = 'MBCAP', hint = 'Give 0 or more seats; 0 closes the exam for new bookings.';
  end if;
  foreach v_time in array array[trim(p_start_time), trim(p_end_time)] loop
    if v_time <> '' and hubspot_sync.readable_time(v_time) is null then
      raise exception '% is no time of day', v_time
        using errcode = '22023', hint = 'Give p_start_time and p_end_time as 14:30 or 2:30 PM.';
    end if;
  end loop;

  select e.*
    into v_old
    from hubspot_sync.hubspot_mock_exams e
   where e.hubspot_id = trim(p_mock_exam_id)
     for no key update;
  v_new := v_old;
  v_new.mock_exam_name := coalesce(nullif(trim(p_mock_exam_name), ''), v_old.mock_exam_name);
  v_new.mock_type := coalesce(v_mock_type, v_old.mock_type);
  v_new.mock_set := coalesce(nullif(trim(p_mock_set), ''), v_old.mock_set);
  v_new.exam_date := coalesce(p_exam_date, v_old.exam_date);
  v_new.start_time := coalesce(nullif(trim(p_start_time), ''), v_old.start_time);
  v_new.end_time := coalesce(nullif(trim(p_end_time), ''), v_old.end_time);
  v_new.location := coalesce(nullif(trim(p_location), ''), v_old.location);
  v_new.capacity := coalesce(p_capacity, v_old.capacity, 0);
  v_new.is_active := coalesce(p_is_active::text, v_old.is_active, 'false');
  v_new.starts_at := hubspot_sync.exam_starts_at(v_new.exam_date, v_new.start_time);

  if hubspot_sync.readable_time(v_new.end_time) <= hubspot_sync.readable_time(v_new.start_time) then
    raise exception 'mock exam % would end at % and start at %',
      p_mock_exam_id, v_new.end_time, v_new.start_time
      using errcode = '22023', hint = 'Give p_start_time and p_end_time together.';
  end if;
  if v_new.starts_at <= v_now and (v_new.starts_at is distinct from v_old.starts_at
                                   or p_is_active
                                      and not hubspot_sync.exam_is_active(v_old.is_active)) then
    raise exception 'mock exam % would have started already', p_mock_exam_id
      using errcode = 'MBPST',
            detail = format('it would start at %s', v_new.starts_at),
            hint = 'Give p_exam_date and p_start_time in the future.';
  end if;
  if v_new.mock_type <> v_old.mock_type then
    perform hubspot_sync.close_gate(v_old.hubspot_id);
    if exists (select from hubspot_sync.exam_seats s where s.exam = v_old.id and s.taken > 0) then
      raise exception 'mock exam % has bookings paid for as %', p_mock_exam_id, v_old.mock_type
        using errcode = 'MBTYP', hint = 'Make a new exam of the other type.';
    end if;
  end if;

  if v_old.id is null then
    insert into hubspot_sync.hubspot_mock_exams
      (hubspot_id, mock_exam_name, mock_type, mock_set, exam_date, start_time, end_time,
       location, capacity, is_active, created_at, updated_at)
    values
      (trim(p_mock_exam_id), v_new.mock_exam_name, v_new.mock_type, v_new.mock_set,
       v_new.exam_date, v_new.start_time, v_new.end_time, v_new.location, v_new.capacity,
       v_new.is_active, v_now, v_now)
    on conflict (hubspot_id) do nothing
    returning id into v_new.id;
    if not found then
      raise exception 'mock exam % is being made by somebody else', p_mock_exam_id
        using errcode = 'MBBSY', hint = 'Send the same request again.';
    end if;
    -- HubSpot has it, perhaps otherwise: what was given here is sent, and kept until then.
    insert into hubspot_sync.sync_queue (table_name, record, operation, new_data)
    select 'hubspot_mock_exams', v_new.id, 'resend', jsonb_object_agg(g.key, null)
      from jsonb_each(jsonb_strip_nulls(jsonb_build_object(
             'mock_exam_name', p_mock_exam_name, 'mock_type', p_mock_type,
             'mock_set', p_mock_set, 'exam_date', p_exam_date, 'start_time', p_start_time,
             'end_time', p_end_time, 'location', p_location, 'capacity', p_capacity,
             'is_active', p_is_active))) g
    having count(*) > 0;
    return hubspot_sync.read_exam(v_new.id);
  end if;
  update hubspot_sync.hubspot_mock_exams e
     set mock_exam_name = v_new.mock_exam_name,
         mock_type = v_new.mock_type,
         mock_set = v_new.mock_set,
         exam_date = v_new.exam_date,
         start_time = v_new.start_time,
         end_time = v_new.end_time,
         location = v_new.location,
         capacity = v_new.capacity,
         is_active = v_new.is_active,
         scheduled_activation_at = case when p_is_active is null
           then e.scheduled_activation_at end,
         deleted_at = null,
         updated_at = v_now
   where e.id = v_old.id;
  return hubspot_sync.read_exam(v_old.id);
exception
  when unique_violation then
    -- A booking that came before its exam met one in flight, on the same day.
    raise exception 'a booking of mock exam % is being made', p_mock_exam_id
      using errcode = 'MBBSY', hint = 'Send the same request again.';
  when lock_not_available or deadlock_detected then
    raise exception 'mock exam % is busy', p_mock_exam_id
      using errcode = 'MBBSY', hint = 'Send the same request again.';
end;
$$;

comment on function api.upsert_exam(
  text, text, text, text, date, text, text, text, integer, boolean
) is
  'Makes an exam (inactive, without seats, unless said) or changes what is given of it; what is '
  'left out stays. p_mock_exam_id: its HubSpot id. p_is_active: opens or closes it and forgets '
  'a scheduled activation. A new date reaches the exam''s bookings in the same transaction; one '
  'that thereby is a student''s second of that type and day is kept, marked exempt and noted in '
  'sync_conflicts. A deleted exam is brought back, inactive unless said. Raises 22023 (argument '
  'missing, '
  'too long, unreadable, or no such type), MBCAP (negative capacity), MBPST (it would have '
  'started), MBTYP (another type while seats are taken), MBBSY (try again), MBISO (isolation '
  'level), 42501 (not allowed).';
revoke execute on function api.upsert_exam(
  text, text, text, text, date, text, text, text, integer, boolean
) from public, anon, authenticated;
grant execute on function api.upsert_exam(
  text, text, text, text, date, text, text, text, integer, boolean
) to authenticated, service_role;
