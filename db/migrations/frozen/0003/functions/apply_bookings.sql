-- Takes bookings as HubSpot has them; see apply_records.
--
-- Postgres owns bookings: what HubSpot's users edit is overwritten, or, where it is a request,
-- done by the booking functions. Two that HubSpot merged stay two here: the one whose record is
-- gone there is made anew. A booking nobody here knows (of the old application, or made by
-- hand) is taken as it is. Locks are taken in everybody's order: contacts, bookings, counters.
create or replace function hubspot_sync.apply_bookings(
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
  v_new text[];
  v_ids uuid[];
  v_parted uuid[];
  v_exams uuid[];
  v_record jsonb;
  v_theirs hubspot_sync.hubspot_bookings;
  v_booking hubspot_sync.hubspot_bookings;
  v_shadow hubspot_sync.sync_shadow;
  v_version timestamptz;
  v_properties jsonb;
  v_plan jsonb;
  v_take jsonb;
begin
  applied := 0;
  refused := jsonb_build_object();
  stale := '{}';
  v_parted := array(
    select b.id
      from jsonb_array_elements(p_records) r
     cross join lateral unnest(string_to_array(
                  r.value #>> '{properties,hs_merged_object_ids}', ';')) m (id)
      join hubspot_sync.hubspot_bookings b on b.hubspot_id = trim(m.id)
     where b.hubspot_id <> r.value ->> 'id'
       and b.booking_id <> trim(r.value #>> '{properties,booking_id}'));
  v_ids := array(
    select b.id
      from jsonb_array_elements(p_records) r
      join hubspot_sync.hubspot_bookings b on b.hubspot_id = r.value ->> 'id'
    union
    select p.id
      from unnest(v_parted) p (id)
    union
    select b.id
      from jsonb_array_elements(p_records) r
      join hubspot_sync.hubspot_bookings b
        on b.booking_id = trim(r.value #>> '{properties,booking_id}')
       and (b.exempt or not b.exempt));
  -- Their figure of bookings follows from what happens here.
  v_exams := array(
    select e.id
      from hubspot_sync.hubspot_mock_exams e
     where e.id in (select b.exam from hubspot_sync.hubspot_bookings b where b.id = any (v_ids))
        or e.hubspot_id in (select r.value #>> '{properties,mock_exam_id}'
                              from jsonb_array_elements(p_records) r)
        or e.hubspot_id in (select r.value #>> '{associations,exams,0}'
                              from jsonb_array_elements(p_records) r)
     order by e.id
       for no key update);
  perform from hubspot_sync.hubspot_contact_credits c
    where c.id in (select b.contact from hubspot_sync.hubspot_bookings b where b.id = any (v_ids))
    order by c.id
      for no key update;
  perform from hubspot_sync.hubspot_bookings b where b.id = any (v_ids) order by b.id
      for no key update;
  -- Contacts they were linked with while we waited: whoever has one may be waiting for us.
  perform from hubspot_sync.hubspot_contact_credits c
    where c.id in (select b.contact from hubspot_sync.hubspot_bookings b where b.id = any (v_ids))
      for no key update nowait;

  delete from hubspot_sync.sync_shadow s where s.record = any (v_parted);
  insert into hubspot_sync.sync_conflicts
    (entity, record, field, postgres_value, hubspot_value, decision)
  select 'hubspot_bookings', b.id, 'hubspot_id', b.hubspot_id, null,
         'ours: HubSpot merged it with another booking, so it is made anew there'
    from hubspot_sync.hubspot_bookings b
   where b.id = any (v_parted)
   order by b.id;
  update hubspot_sync.hubspot_bookings b set hubspot_id = null where b.id = any (v_parted);
  perform hubspot_sync.resend_record('hubspot_bookings', p.id)
     from unnest(v_parted) p (id);

  -- What nobody here knows comes in one statement; what that refuses is looked at one by one.
  begin
    v_new := hubspot_sync.add_bookings(p_records);
    applied := cardinality(v_new);
  exception
    when unique_violation or check_violation or sqlstate '22023'
         or program_limit_exceeded then
      v_new := '{}';
  end;
  for v_record in
    select r.value
      from jsonb_array_elements(p_records) r
      left join hubspot_sync.hubspot_bookings b on b.hubspot_id = r.value ->> 'id'
     where r.value ->> 'id' <> all (v_new)
     order by b.exam, r.value #>> '{properties,mock_exam_id}', r.value ->> 'id'
  loop
    begin
      v_theirs := hubspot_sync.parse_booking(v_record);
      v_version := hubspot_sync.parse_moment(v_record ->> 'updatedAt', 'updatedAt');
      -- One we know keeps it: it is written there again.
      v_theirs.booking_id := coalesce(v_theirs.booking_id, (
        select b.booking_id
          from hubspot_sync.hubspot_bookings b
         where b.hubspot_id = v_theirs.hubspot_id));
      if v_theirs.booking_id is null then
        raise exception 'booking_id is missing'
          using errcode = '22023', hint = 'Bookings are made by api.create_booking.';
      end if;
      v_booking.id := hubspot_sync.find_known_booking(v_record);
      select b.* into v_booking
        from hubspot_sync.hubspot_bookings b
       where b.id = v_booking.id
         for no key update;
      select s.* into v_shadow from hubspot_sync.sync_shadow s where s.record = v_booking.id;
      if v_version < v_shadow.version then
        stale := stale || v_theirs.hubspot_id;
        continue;
      end if;
      if v_booking.id is null then
        v_booking := hubspot_sync.add_booking(v_record);
      elsif v_booking.deleted_at is not null then
        perform hubspot_sync.revive('hubspot_bookings', v_booking.id);
      end if;
      select coalesce(jsonb_object_agg(p.key, p.value), '{}')
        into v_properties
        from jsonb_each(hubspot_sync.booking_properties(v_theirs) - '{@contact,@exam}'::text[]) p
       where v_record -> 'properties' ? p.key;
      if v_record -> 'properties' ? 'booking_id' then
        v_properties := v_properties || jsonb_build_object(
          'booking_id', coalesce(trim(v_record #>> '{properties,booking_id}'), ''));
      end if;
      v_properties := v_properties || hubspot_sync.merge_links(v_booking, v_record);
      v_plan := hubspot_sync.merge_record(
        'hubspot_bookings', v_booking.id, hubspot_sync.booking_properties(v_booking),
        v_properties, v_version);
      perform hubspot_sync.apply_request(v_booking.id, a.key, a.value)
         from jsonb_each_text(v_plan -> 'ask') a
        -- A booking is marked before it is completed, and never after it is cancelled.
        order by a.key;
      v_take := v_plan -> 'take';
      update hubspot_sync.hubspot_bookings b
         set student_name = case when v_take ? 'student_name'
               then v_theirs.student_name else b.student_name end,
             attendance = case when v_take ? 'attendance'
               then v_theirs.attendance else b.attendance end,
             attending_location = case when v_take ? 'attending_location'
               then v_theirs.attending_location else b.attending_location end,
             dominant_hand = case when v_take ? 'dominant_hand'
               then v_theirs.dominant_hand else b.dominant_hand end,
             token_used = case when v_take ? 'token_used'
               then v_theirs.token_used else b.token_used end,
             hubspot_last_sync_at = v_now,
             updated_at = case when v_take = '{}' then b.updated_at else v_now end
       where b.id = v_booking.id;
      perform hubspot_sync.resolve_inbound_error('hubspot_bookings', v_theirs.hubspot_id);
      applied := applied + 1;
    exception
      when unique_violation then
        refused := refused || jsonb_build_object(
          v_record ->> 'id', '23505: another record of HubSpot''s has this booking_id');
      when sqlstate '22023' then
        refused := refused || jsonb_build_object(v_record ->> 'id', '22023: ' || sqlerrm);
      when program_limit_exceeded or numeric_value_out_of_range then
        refused := refused || jsonb_build_object(v_record ->> 'id', '22023: ' || sqlerrm);
    end;
  end loop;
  update hubspot_sync.hubspot_mock_exams e
     set total_bookings = s.taken, updated_at = v_now
    from hubspot_sync.exam_seats s
   where e.id = any (v_exams)
     and s.exam = e.id
     and e.total_bookings is distinct from s.taken;
  -- An exam that is not here yet is asked for; its booking finds it when it comes. What is too long
  -- to be an id can be none of HubSpot's.
  perform hubspot_sync.store_signals('hubspot_mock_exams', array(
    select distinct b.mock_exam_id
      from jsonb_array_elements(p_records) r
      join hubspot_sync.hubspot_bookings b on b.hubspot_id = r.value ->> 'id'
     where b.exam is null and length(b.mock_exam_id) between 1 and 100), 'missing');
end;
$$;

comment on function hubspot_sync.apply_bookings(jsonb) is
  'Merges bookings of HubSpot, locked with their contacts. Refuses a record alone for a missing '
  'booking_id or an unreadable value (22023), or a booking_id that another live record has '
  '(23505). A booking whose exam is not here is kept, and the exam asked for.';
revoke execute on function hubspot_sync.apply_bookings(jsonb) from public, anon, authenticated;
