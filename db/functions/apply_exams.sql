-- Takes exams as HubSpot has them; see apply_records.
--
-- One that HubSpot merged into another is closed here: its seats must not be sold beside the
-- other's. Its bookings stay with it, for a person to move.
--
-- In the order of locks of everybody else: all exams, then the gates of those that will be moved,
-- then their bookings, then what the loop touches.
create or replace function hubspot_sync.apply_exams(
  p_records jsonb,
  out applied integer,
  out refused jsonb,
  out stale text[]
)
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := hubspot_sync.clock();
  v_merged uuid[];
  v_moving text[];
  v_record jsonb;
  v_theirs hubspot_sync.hubspot_mock_exams;
  v_exam hubspot_sync.hubspot_mock_exams;
  v_shadow hubspot_sync.sync_shadow;
  v_version timestamptz;
  v_properties jsonb;
  v_take jsonb;
  v_is_new boolean;
begin
  applied := 0;
  refused := jsonb_build_object();
  stale := '{}';
  v_merged := array(
    select e.id
      from jsonb_array_elements(p_records) r
     cross join lateral unnest(string_to_array(
                  r.value #>> '{properties,hs_merged_object_ids}', ';')) m (id)
      join hubspot_sync.hubspot_mock_exams e on e.hubspot_id = trim(m.id)
      left join hubspot_sync.sync_shadow s on s.record = e.id
     where e.hubspot_id <> r.value ->> 'id'
       and not coalesce(s.properties ? '@gone', false));
  perform from hubspot_sync.hubspot_mock_exams e
    where e.hubspot_id in (select r.value ->> 'id' from jsonb_array_elements(p_records) r)
       or e.id = any (v_merged)
    order by e.id
      for no key update;
  v_moving := array(
    select e.hubspot_id
      from jsonb_array_elements(p_records) r
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
     or exists (select from jsonb_array_elements(p_records) r
                 where not exists (select from hubspot_sync.hubspot_mock_exams e
                                    where e.hubspot_id = r.value ->> 'id')) then
    perform pg_advisory_xact_lock(hashtextextended('hubspot_sync.move_exams', 0));
  end if;
  perform hubspot_sync.close_gate(m.hubspot_id) from unnest(v_moving) m (hubspot_id);
  perform from hubspot_sync.hubspot_bookings b
    where b.mock_exam_id = any (v_moving) and b.is_active in ('Active', 'Completed')
       or b.exam is null
      and b.mock_exam_id in (select r.value ->> 'id' from jsonb_array_elements(p_records) r)
    order by b.id
      for no key update;
  -- Nothing of what was merged is sent any more.
  perform hubspot_sync.note_shadow('hubspot_mock_exams', (
    select jsonb_agg(jsonb_build_object('record', m.id, 'properties', '{"@gone": ""}'::jsonb))
      from unnest(v_merged) m (id)));
  update hubspot_sync.sync_queue q
     set synced = true, synced_at = v_now, dead_at = null
   where q.record = any (v_merged) and not q.synced;
  insert into hubspot_sync.sync_conflicts
    (entity, record, field, postgres_value, hubspot_value, decision)
  select 'hubspot_mock_exams', e.id, 'is_active', coalesce(e.is_active, ''), 'merged',
         format('HubSpot''s: merged with another exam, so it is closed; bookings to be moved: %s',
                (select count(*) from hubspot_sync.hubspot_bookings b
                  where b.exam = e.id and b.is_active = 'Active'))
    from hubspot_sync.hubspot_mock_exams e
   where e.id = any (v_merged)
   order by e.id;
  update hubspot_sync.hubspot_mock_exams e
     set is_active = 'false', scheduled_activation_at = null, updated_at = v_now
   where e.id = any (v_merged);
  -- New exams first, which take bookings that came early; then the others in the order in which
  -- every writer of many bookings takes their counters.
  for v_record in
    select r.value
      from jsonb_array_elements(p_records) r
      left join hubspot_sync.hubspot_mock_exams e on e.hubspot_id = r.value ->> 'id'
     order by e.id nulls first, r.value ->> 'id'
  loop
    begin
      v_theirs := hubspot_sync.parse_exam(v_record);
      v_version := hubspot_sync.parse_moment(v_record ->> 'updatedAt', 'updatedAt');
      if v_theirs.capacity < 0 then
        raise exception 'capacity % is negative', v_theirs.capacity
          using errcode = 'MBCAP', hint = 'Correct it in HubSpot: 0 or more seats.';
      end if;
      select e.* into v_exam
        from hubspot_sync.hubspot_mock_exams e
       where e.hubspot_id = v_theirs.hubspot_id
         for no key update;
      select s.* into v_shadow from hubspot_sync.sync_shadow s where s.record = v_exam.id;
      if v_version < v_shadow.version then
        stale := stale || v_theirs.hubspot_id;
        continue;
      end if;
      v_is_new := v_exam.id is null;
      if v_is_new then
        insert into hubspot_sync.hubspot_mock_exams as e
          (hubspot_id, mock_exam_name, mock_type, mock_set, exam_date, start_time, end_time,
           location, capacity, is_active, scheduled_activation_at, created_at, updated_at,
           hubspot_last_sync_at)
        values
          (v_theirs.hubspot_id, v_theirs.mock_exam_name, v_theirs.mock_type, v_theirs.mock_set,
           v_theirs.exam_date, v_theirs.start_time, v_theirs.end_time, v_theirs.location,
           v_theirs.capacity, v_theirs.is_active, v_theirs.scheduled_activation_at,
           coalesce(v_theirs.created_at, v_now), v_now, v_now)
        returning e.* into v_exam;
      elsif v_shadow.properties ? '@archived' then
        -- It is back from HubSpot's recycling bin.
        perform hubspot_sync.revive('hubspot_mock_exams', v_exam.id);
      end if;
      -- Of what HubSpot was asked for.
      select coalesce(jsonb_object_agg(p.key, p.value), '{}')
        into v_properties
        from jsonb_each(hubspot_sync.exam_properties(v_theirs)) p
       where v_record -> 'properties' ? p.key;
      v_take := hubspot_sync.merge_record(
        'hubspot_mock_exams', v_exam.id, hubspot_sync.exam_properties(v_exam), v_properties,
        v_version) -> 'take';
      -- A new one has all of it.
      if not v_is_new then
        update hubspot_sync.hubspot_mock_exams e
           set mock_exam_name = case when v_take ? 'mock_exam_name'
                 then v_theirs.mock_exam_name else e.mock_exam_name end,
               mock_type = case when v_take ? 'mock_type'
                 then v_theirs.mock_type else e.mock_type end,
               mock_set = case when v_take ? 'mock_set'
                 then v_theirs.mock_set else e.mock_set end,
               exam_date = case when v_take ? 'exam_date'
                 then v_theirs.exam_date else e.exam_date end,
               start_time = case when v_take ? 'start_time'
                 then v_theirs.start_time else e.start_time end,
               end_time = case when v_take ? 'end_time'
                 then v_theirs.end_time else e.end_time end,
               location = case when v_take ? 'location'
                 then v_theirs.location else e.location end,
               capacity = case when v_take ? 'capacity'
                 then v_theirs.capacity else e.capacity end,
               is_active = case when v_take ? 'is_active'
                 then v_theirs.is_active else e.is_active end,
               scheduled_activation_at = case when v_take ? 'scheduled_activation_at'
                 then v_theirs.scheduled_activation_at else e.scheduled_activation_at end,
               hubspot_last_sync_at = v_now,
               updated_at = case when v_take = '{}' then e.updated_at else v_now end
         where e.id = v_exam.id;
      end if;
      perform hubspot_sync.resolve_inbound_error('hubspot_mock_exams', v_theirs.hubspot_id);
      applied := applied + 1;
    exception
      when unique_violation then
        refused := refused || jsonb_build_object(
          v_record ->> 'id', '23505: a booking that came early breaks a rule');
      when sqlstate '22023' or sqlstate 'MBCAP' then
        refused := refused || jsonb_build_object(
          v_record ->> 'id', sqlstate || ': ' || sqlerrm);
      when program_limit_exceeded then
        refused := refused || jsonb_build_object(v_record ->> 'id', '22023: ' || sqlerrm);
    end;
  end loop;
end;
$$;

comment on function hubspot_sync.apply_exams(jsonb) is
  'Merges exams of HubSpot, locked with all they touch. Refuses a record alone for an unreadable '
  'value (22023), a negative capacity (MBCAP), or bookings that came before it and break a rule '
  '(23505).';
revoke execute on function hubspot_sync.apply_exams(jsonb) from public, anon, authenticated;
