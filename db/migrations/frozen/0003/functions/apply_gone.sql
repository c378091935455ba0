-- Takes that records are gone in HubSpot. Nothing is removed here: the record is marked.
--
-- A deleted exam is deleted here, too, with its refunds; a deleted booking that holds a seat in an
-- exam to come is cancelled. A change of ours that is on its way wins over a deletion: the record
-- is made anew. Too many deletions in a day are believed only when a person says so.
create or replace function hubspot_sync.apply_gone(p_table text, p_gone jsonb)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := hubspot_sync.clock();
  v_today date := (v_now at time zone hubspot_sync.setting('time_zone'))::date;
  v_limit integer := hubspot_sync.setting('deletions_a_day')::integer;
  v_refused jsonb := jsonb_build_object();
  v_gone record;
  v_booking hubspot_sync.hubspot_bookings;
  v_bookings uuid[];
  v_exams uuid[];
begin
  if p_table is null or p_table not in (
       'hubspot_mock_exams', 'hubspot_contact_credits', 'hubspot_bookings') then
    raise exception 'table % is not read from HubSpot', left(p_table, 100)
      using errcode = '22023',
            hint = 'hubspot_mock_exams, hubspot_contact_credits or hubspot_bookings.';
  end if;
  if jsonb_typeof(p_gone) is distinct from 'array' then
    raise exception 'what is gone is % and not an array', coalesce(jsonb_typeof(p_gone), 'null')
      using errcode = '22023', hint = 'An array of {id, archived, privacy}.';
  end if;
  perform pg_advisory_xact_lock(hashtextextended('hubspot_sync.take_from_hubspot', 0));
  perform set_config('hubspot_sync.source', 'hubspot', true);
  -- In everybody's order: the exams of bookings, whose figure follows, contacts, bookings.
  if p_table = 'hubspot_bookings' then
    v_bookings := array(
      select b.id
        from jsonb_to_recordset(p_gone) as t (id text)
        join hubspot_sync.hubspot_bookings b on b.hubspot_id = t.id);
    v_exams := array(
      select e.id
        from hubspot_sync.hubspot_mock_exams e
       where e.id in (select b.exam from hubspot_sync.hubspot_bookings b
                       where b.id = any (v_bookings))
       order by e.id
         for no key update);
    perform from hubspot_sync.hubspot_contact_credits c
      where c.id in (select b.contact from hubspot_sync.hubspot_bookings b
                      where b.id = any (v_bookings))
      order by c.id
        for no key update;
    perform from hubspot_sync.hubspot_bookings b
      where b.id = any (v_bookings)
      order by b.id
        for no key update;
  end if;
  for v_gone in
    select g.hubspot_id, coalesce(g.privacy, false) as privacy,
           coalesce(e.id, c.id, b.id) as record,
           exists (select from hubspot_sync.sync_queue q
                    where q.record = coalesce(c.id, b.id)
                      and not q.synced
                      and q.dead_at is null
                      and q.operation <> 'resend')
             -- A booking that HubSpot does not have yet, or not any more, must be linked with it.
             or exists (select from hubspot_sync.hubspot_bookings o
                         where o.student_id = c.student_id
                           and o.contact = c.id
                           and exists (select from hubspot_sync.sync_queue q
                                        where q.record = o.id
                                          and not q.synced
                                          and (q.new_data ? '@contact'
                                               or q.operation = 'resend' and q.new_data is null
                                               or q.last_error is not null))) as busy
      from (select t.id as hubspot_id, bool_or(t.privacy) as privacy
              from jsonb_to_recordset(p_gone) as t (id text, archived boolean, privacy boolean)
             where t.archived or t.privacy
             group by t.id) g
      left join hubspot_sync.hubspot_mock_exams e
        on p_table = 'hubspot_mock_exams' and e.hubspot_id = g.hubspot_id
      left join hubspot_sync.hubspot_contact_credits c
        on p_table = 'hubspot_contact_credits' and c.hubspot_id = g.hubspot_id
      left join hubspot_sync.hubspot_bookings b
        on p_table = 'hubspot_bookings' and b.hubspot_id = g.hubspot_id
     where coalesce(e.id, c.id, b.id) is not null
       and (g.privacy
            or not exists (select from hubspot_sync.sync_shadow s
                            where s.record = coalesce(e.id, c.id, b.id)
                              and s.properties ? '@archived'))
     order by coalesce(e.id, c.id, b.id)
  loop
    if v_gone.privacy and p_table = 'hubspot_contact_credits' then
      perform hubspot_sync.forget_contact(v_gone.record);
      continue;
    end if;
    if v_gone.busy then
      perform hubspot_sync.resend_record(p_table, v_gone.record);
      -- Noted once: its next send makes it anew.
      insert into hubspot_sync.sync_conflicts
        (entity, record, field, postgres_value, hubspot_value, decision)
      select p_table, v_gone.record, 'deleted_at', null, 'deleted',
             'ours: a change of it was on its way, so it is made anew'
       where not exists (select from hubspot_sync.sync_conflicts o
                          where o.record = v_gone.record
                            and o.field = 'deleted_at'
                            and o.created_at > v_now - interval '1 hour');
      continue;
    end if;
    if p_table <> 'hubspot_contact_credits'
       and (select count(*) from hubspot_sync.sync_shadow s
             where s.properties ? '@archived'
               and s.table_name <> 'hubspot_contact_credits'
               and s.updated_at > v_now - interval '1 day') >= v_limit then
      v_refused := v_refused || jsonb_build_object(v_gone.hubspot_id, format(
        'MBDEL: %s records were deleted in HubSpot within a day; raise the setting'
        ' deletions_a_day if that is meant, then retry', v_limit));
      continue;
    end if;
    begin
      perform hubspot_sync.note_shadow(p_table, jsonb_build_array(jsonb_build_object(
        'record', v_gone.record, 'properties', '{"@archived": ""}'::jsonb)));
      if p_table = 'hubspot_mock_exams' then
        -- One that was deleted here before is no more than marked.
        perform from api.delete_exam(v_gone.hubspot_id, 'deleted in HubSpot')
          where exists (select from hubspot_sync.hubspot_mock_exams e
                         where e.id = v_gone.record and e.deleted_at is null);
      elsif p_table = 'hubspot_contact_credits' then
        update hubspot_sync.hubspot_contact_credits c
           set deleted_at = v_now, updated_at = v_now
         where c.id = v_gone.record;
      else
        -- By its own id: another may have its booking_id.
        select b.* into v_booking
          from hubspot_sync.hubspot_bookings b
         where b.id = v_gone.record;
        -- A contact it was linked with while we waited: whoever has that may be waiting for us.
        perform from hubspot_sync.hubspot_contact_credits c
          where c.id = v_booking.contact
            for no key update nowait;
        update hubspot_sync.hubspot_bookings b
           set deleted_at = v_now, updated_at = v_now
         where b.id = v_gone.record;
        if v_booking.is_active = 'Active' and v_booking.exam_date::date >= v_today then
          perform from hubspot_sync.release_bookings(
            array[v_gone.record], 'deleted in HubSpot');
        end if;
      end if;
      insert into hubspot_sync.sync_conflicts
        (entity, record, field, postgres_value, hubspot_value, decision)
      values (p_table, v_gone.record, 'deleted_at', v_booking.is_active, 'deleted',
              'HubSpot''s: marked as deleted'
              || case when v_booking.is_active = 'Active' and v_booking.exam_date >= v_today
                   then ', cancelled with its refund' else '' end);
    exception
      when sqlstate 'MBBSY' or lock_not_available or deadlock_detected then
        v_refused := v_refused || jsonb_build_object(v_gone.hubspot_id, sqlstate || ': busy');
      when sqlstate '22023' then
        v_refused := v_refused || jsonb_build_object(v_gone.hubspot_id, '22023: ' || sqlerrm);
    end;
  end loop;
  update hubspot_sync.hubspot_mock_exams e
     set total_bookings = s.taken, updated_at = v_now
    from hubspot_sync.exam_seats s
   where e.id = any (v_exams)
     and s.exam = e.id
     and e.total_bookings is distinct from s.taken;
  perform set_config('hubspot_sync.source', '', true);
  return v_refused;
end;
$$;

comment on function hubspot_sync.apply_gone(text, jsonb) is
  'Marks records that HubSpot has no more. p_gone: an array of {id, archived: its recycling bin '
  'has it, privacy: a person asked to be forgotten}; what is neither is left alone. Answers '
  '{HubSpot''s id: reason} of those to be tried again: busy ones, and MBDEL when more than the '
  'setting deletions_a_day were deleted within a day. Raises 22023 for an unknown table or no '
  'array.';
revoke execute on function hubspot_sync.apply_gone(text, jsonb) from public, anon, authenticated;
grant execute on function hubspot_sync.apply_gone(text, jsonb) to service_role;
