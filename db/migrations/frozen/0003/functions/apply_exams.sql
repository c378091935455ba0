-- Takes exams as HubSpot has them. HubSpot owns their description, date, capacity and state.
--
-- A change made here that HubSpot does not have yet is protected: its fields keep our value
-- while it is queued. What this call itself queues of these fields is taken out again, because
-- it is HubSpot's own value; anything it causes elsewhere still goes out.
create or replace function hubspot_sync.apply_exams(p_exams jsonb)
  returns table (applied integer, refused integer)
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  -- What HubSpot says of an exam; total_bookings is ours.
  c_theirs constant text[] := array[
    'mock_exam_name', 'mock_type', 'mock_set', 'exam_date', 'start_time', 'end_time', 'location',
    'capacity', 'is_active', 'scheduled_activation_at'];
  v_moving text[];
  v_last bigint;
  v_now timestamptz := hubspot_sync.clock();
  v_record jsonb;
  v_properties jsonb;
  v_id uuid;
  v_pending jsonb;
  v_reason text;
begin
  -- As in finish_changes: one acknowledgement or import at a time.
  perform pg_advisory_xact_lock(hashtextextended('hubspot_sync.take_from_hubspot', 0));
  applied := 0;
  refused := 0;
  -- In the order of locks of everybody else: all exams, then the gates of those that will be
  -- moved, then their bookings, then what the loop touches.
  perform from hubspot_sync.hubspot_mock_exams e
    where e.hubspot_id in (select r.value ->> 'id' from jsonb_array_elements(p_exams) r)
    order by e.id
      for no key update;
  v_moving := array(
    select e.hubspot_id
      from jsonb_array_elements(p_exams) r
      join hubspot_sync.hubspot_mock_exams e on e.hubspot_id = r.value ->> 'id'
     where (coalesce(e.mock_type, ''), coalesce(e.exam_date::text, ''),
            coalesce(e.start_time, ''), coalesce(e.capacity, 0)::text,
            hubspot_sync.exam_is_active(e.is_active))
           is distinct from (coalesce(r.value #>> '{properties,mock_type}', ''),
                             coalesce(r.value #>> '{properties,exam_date}', ''),
                             coalesce(r.value #>> '{properties,start_time}', ''),
                             coalesce(r.value #>> '{properties,capacity}', '0'),
                             hubspot_sync.exam_is_active(r.value #>> '{properties,is_active}'))
     order by e.id);
  if exists (select from unnest(v_moving))
     or exists (select from jsonb_array_elements(p_exams) r
                 where not exists (select from hubspot_sync.hubspot_mock_exams e
                                    where e.hubspot_id = r.value ->> 'id')) then
    perform pg_advisory_xact_lock(hashtextextended('hubspot_sync.move_exams', 0));
  end if;
  perform hubspot_sync.close_gate(m.hubspot_id) from unnest(v_moving) m (hubspot_id);
  perform from hubspot_sync.hubspot_bookings b
    where b.mock_exam_id = any (v_moving) and b.is_active in ('Active', 'Completed')
       or b.exam is null
      and b.mock_exam_id in (select r.value ->> 'id' from jsonb_array_elements(p_exams) r)
    order by b.id
      for no key update;
  -- New exams first, which take bookings that came early; then the others in the order in which
  -- every writer of many bookings takes their counters.
  for v_record in
    select r.value
      from jsonb_array_elements(p_exams) r
      left join hubspot_sync.hubspot_mock_exams e on e.hubspot_id = r.value ->> 'id'
     order by e.id nulls first, r.value ->> 'id'
  loop
    perform from hubspot_sync.hubspot_mock_exams e
      where e.hubspot_id = v_record ->> 'id' for no key update;
    v_properties := v_record -> 'properties';
    v_reason := case
      when coalesce(jsonb_typeof(v_record -> 'id') not in ('string', 'number'), true)
           or v_record ->> 'id' = '' or length(v_record ->> 'id') > 500 then '22023: no id'
      when v_properties ->> 'exam_date' !~ '^(\d{4}-\d\d-\d\d)?$'
        then '22023: exam_date is no day of the form YYYY-MM-DD'
    end;
    if v_reason is not null then
      refused := refused + 1;
      perform hubspot_sync.note_inbound_error(
        'hubspot_mock_exams', v_record ->> 'id', v_reason);
      continue;
    end if;
    begin
      select coalesce(max(q.id), 0) into v_last from hubspot_sync.sync_queue q;
      v_pending := coalesce((
        select jsonb_object_agg(k.key, true)
          from hubspot_sync.hubspot_mock_exams e
          join hubspot_sync.sync_queue q
            on q.record = e.id and not q.synced and q.dead_at is null
         cross join lateral jsonb_object_keys(q.new_data) k (key)
         where e.hubspot_id = v_record ->> 'id'), '{}');
      insert into hubspot_sync.hubspot_mock_exams as e
        (hubspot_id, mock_exam_name, mock_type, mock_set, exam_date, start_time, end_time,
         location, capacity, is_active, scheduled_activation_at, created_at, updated_at,
         hubspot_last_sync_at)
      values
        (v_record ->> 'id',
         nullif(v_properties ->> 'mock_exam_name', ''),
         nullif(v_properties ->> 'mock_type', ''),
         nullif(v_properties ->> 'mock_set', ''),
         nullif(v_properties ->> 'exam_date', '')::date,
         nullif(v_properties ->> 'start_time', ''),
         nullif(v_properties ->> 'end_time', ''),
         nullif(v_properties ->> 'location', ''),
         coalesce(nullif(v_properties ->> 'capacity', '')::numeric::integer, 0),
         hubspot_sync.exam_is_active(v_properties ->> 'is_active')::text,
         nullif(v_properties ->> 'scheduled_activation_at', '')::timestamptz,
         coalesce((v_record ->> 'createdAt')::timestamptz, v_now), v_now, v_now)
      on conflict (hubspot_id) do update
         set mock_exam_name = case when v_pending ? 'mock_exam_name'
               then e.mock_exam_name else excluded.mock_exam_name end,
             mock_type = case when v_pending ? 'mock_type'
               then e.mock_type else excluded.mock_type end,
             mock_set = case when v_pending ? 'mock_set'
               then e.mock_set else excluded.mock_set end,
             exam_date = case when v_pending ? 'exam_date'
               then e.exam_date else excluded.exam_date end,
             start_time = case when v_pending ? 'start_time'
               then e.start_time else excluded.start_time end,
             end_time = case when v_pending ? 'end_time'
               then e.end_time else excluded.end_time end,
             location = case when v_pending ? 'location'
               then e.location else excluded.location end,
             capacity = case when v_pending ? 'capacity'
               then e.capacity else excluded.capacity end,
             is_active = case when v_pending ? 'is_active'
               then e.is_active else excluded.is_active end,
             scheduled_activation_at = case when v_pending ? 'scheduled_activation_at'
               then e.scheduled_activation_at else excluded.scheduled_activation_at end,
             hubspot_last_sync_at = v_now
      returning e.id into v_id;
      perform hubspot_sync.note_shadow('hubspot_mock_exams', (
        select jsonb_build_array(jsonb_build_object(
                 'record', e.id, 'properties', jsonb_object_agg(p.key, p.value)))
          from hubspot_sync.hubspot_mock_exams e
         cross join lateral jsonb_each(hubspot_sync.exam_properties(e)) p
         where e.id = v_id
           and p.key = any (c_theirs)
           and not v_pending ? p.key
         group by e.id));
      -- Every property written just now has HubSpot's value: it need not go back there.
      delete from hubspot_sync.sync_queue q
       where q.record = v_id
         and not q.synced
         and q.epoch is null
         and q.id > v_last
         and q.operation = 'update'
         and q.new_data - c_theirs = '{}';
      perform hubspot_sync.resolve_inbound_error('hubspot_mock_exams', v_record ->> 'id');
      applied := applied + 1;
    exception
      when unique_violation then
        v_reason := '23505: a booking that came early breaks a rule; the next import tries again';
      when check_violation then
        v_reason := 'MBCAP: capacity ' || (v_properties ->> 'capacity') || ' is negative';
      when invalid_text_representation or invalid_datetime_format or datetime_field_overflow
           or numeric_value_out_of_range or not_null_violation or feature_not_supported
           or invalid_parameter_value or program_limit_exceeded
           or invalid_time_zone_displacement_value then
        v_reason := '22023: ' || sqlerrm;
    end;
    if v_reason is not null then
      refused := refused + 1;
      perform hubspot_sync.note_inbound_error(
        'hubspot_mock_exams', v_record ->> 'id', v_reason);
    end if;
  end loop;
  return next;
end;
$$;

comment on function hubspot_sync.apply_exams(jsonb) is
  'Inserts or updates exams from HubSpot''s records ({id, properties, createdAt}, as an array). '
  'A record that cannot be read is refused alone and noted in sync_errors (MBCAP: negative '
  'capacity, 22023: unreadable value).';
revoke execute on function hubspot_sync.apply_exams(jsonb) from public, anon, authenticated;
grant execute on function hubspot_sync.apply_exams(jsonb) to service_role;
