-- Writes to the records what an acknowledgement tells of them: HubSpot's id, the time, and of
-- exams how many bookings they have now. Locks exams before contacts before bookings, by id.
create or replace function hubspot_sync.note_synced(p_table text, p_finished jsonb)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := hubspot_sync.clock();
  v_taken jsonb;
  v_exams uuid[];
begin
  -- Two records here for one there: a merge, or a duplicate. A person must look.
  with answers as (
    select f.record, f.hubspot_id
      from jsonb_to_recordset(p_finished) as f (record uuid, hubspot_id text)
     where f.hubspot_id is not null
  )
  select jsonb_agg(t.record)
    into v_taken
    from (select a.record from answers a
            join hubspot_sync.hubspot_bookings b on b.hubspot_id = a.hubspot_id
           where p_table = 'hubspot_bookings' and b.id <> a.record
          union all
          select a.record from answers a
            join hubspot_sync.hubspot_contact_credits c on c.hubspot_id = a.hubspot_id
           where p_table = 'hubspot_contact_credits' and c.id <> a.record
          union all
          select a.record from answers a
            join hubspot_sync.sync_notes n on n.hubspot_id = a.hubspot_id
           where p_table = 'sync_notes' and n.id <> a.record
          union all
          select d.record
            from (select a.record, row_number() over (
                           partition by a.hubspot_id order by a.record) as place
                    from answers a) d
           where p_table <> 'hubspot_mock_exams' and d.place > 1) t;
  insert into hubspot_sync.sync_errors (direction, entity, record, hubspot_id, error_message)
  select 'supabase_to_hubspot', p_table, f.record, f.hubspot_id,
         'HubSpot answered an id that another record here already has'
    from jsonb_to_recordset(p_finished) as f (record uuid, hubspot_id text)
   where v_taken ? f.record::text
  on conflict do nothing;

  if p_table = 'hubspot_bookings' then
    -- The exams of the bookings, and those they left.
    v_exams := array(
      select l.id
        from hubspot_sync.hubspot_mock_exams l
       where l.id in (select b.exam
                        from jsonb_to_recordset(p_finished) as f (record uuid)
                        join hubspot_sync.hubspot_bookings b on b.id = f.record)
          or l.hubspot_id in (select x.hubspot_id
                                from jsonb_to_recordset(p_finished) as f (exams text[])
                               cross join lateral unnest(f.exams) x (hubspot_id))
       order by l.id
         for no key update);
    update hubspot_sync.hubspot_bookings b
       set hubspot_id = f.hubspot_id, hubspot_last_sync_at = v_now, deleted_at = null
      from (select f.record, f.hubspot_id
              from jsonb_to_recordset(p_finished) as f (record uuid, hubspot_id text)
              join hubspot_sync.hubspot_bookings l on l.id = f.record
             where f.hubspot_id is not null and not coalesce(v_taken ? f.record::text, false)
             order by l.id
               for no key update of l) f
     where b.id = f.record;
    -- HubSpot's figure of bookings follows from the seats of the exams just touched.
    update hubspot_sync.hubspot_mock_exams e
       set total_bookings = s.taken, updated_at = v_now
      from hubspot_sync.exam_seats s
     where e.id = any (v_exams)
       and s.exam = e.id
       and e.total_bookings is distinct from s.taken;
  elsif p_table = 'hubspot_contact_credits' then
    -- Contacts, then all their bookings that will hear of a new id, in order.
    perform from hubspot_sync.hubspot_contact_credits c
      where c.id in (select f.record from jsonb_to_recordset(p_finished) as f (record uuid))
      order by c.id
        for no key update;
    perform from hubspot_sync.hubspot_bookings b
      where b.id in (
        select o.id
          from jsonb_to_recordset(p_finished) as f (record uuid, hubspot_id text)
          join hubspot_sync.hubspot_contact_credits c on c.id = f.record
          join hubspot_sync.hubspot_bookings o on o.student_id = c.student_id
         where f.hubspot_id is distinct from c.hubspot_id
           and (o.contact = c.id or o.contact is null)
        union
        select o.id
          from jsonb_to_recordset(p_finished) as f (hubspot_id text)
          join hubspot_sync.hubspot_bookings o on o.contact_id = f.hubspot_id
         where o.contact is null)
      order by b.id
        for no key update;
    update hubspot_sync.hubspot_contact_credits c
       set hubspot_id = f.hubspot_id, hubspot_last_sync_at = v_now, deleted_at = null
      from (select f.record, f.hubspot_id
              from jsonb_to_recordset(p_finished) as f (record uuid, hubspot_id text)
              join hubspot_sync.hubspot_contact_credits l on l.id = f.record
             where f.hubspot_id is not null and not coalesce(v_taken ? f.record::text, false)
               and not exists (select from hubspot_sync.sync_shadow s
                                where s.record = l.id and s.properties ? '@gone')
             order by l.id
               for no key update of l) f
     where c.id = f.record;
  elsif p_table = 'hubspot_mock_exams' then
    perform from hubspot_sync.hubspot_mock_exams e
      where e.id in (select f.record from jsonb_to_recordset(p_finished) as f (record uuid))
      order by e.id
        for no key update;
    -- An exam that was made anew has another id, and so have its bookings in mock_exam_id.
    v_exams := array(
      select e.id
        from jsonb_to_recordset(p_finished) as f (record uuid, hubspot_id text)
        join hubspot_sync.hubspot_mock_exams e on e.id = f.record
       where e.hubspot_id <> f.hubspot_id
       order by e.id);
    perform hubspot_sync.close_gate(e.hubspot_id)
       from unnest(v_exams) with ordinality v (id, place)
       join hubspot_sync.hubspot_mock_exams e on e.id = v.id
      order by v.place;
    update hubspot_sync.hubspot_mock_exams e
       set hubspot_id = coalesce(f.hubspot_id, e.hubspot_id), hubspot_last_sync_at = v_now
      from jsonb_to_recordset(p_finished) as f (record uuid, hubspot_id text)
     where e.id = f.record;
    update hubspot_sync.hubspot_bookings b
       set mock_exam_id = l.hubspot_id
      from (select b.id, e.hubspot_id
              from hubspot_sync.hubspot_mock_exams e
              join hubspot_sync.hubspot_bookings b on b.exam = e.id
             where e.id = any (v_exams)
             order by b.id
               for no key update of b) l
     where b.id = l.id;
  elsif p_table = 'sync_notes' then
    with told as (
      update hubspot_sync.sync_notes n
         set hubspot_id = f.hubspot_id, hubspot_last_sync_at = v_now
        from jsonb_to_recordset(p_finished) as f (record uuid, hubspot_id text)
       where n.id = f.record
         and f.hubspot_id is not null
         and not coalesce(v_taken ? f.record::text, false)
      returning n.entries
    )
    update hubspot_sync.supabase_audit_log a
       set hubspot_sent_at = v_now
      from told t
     cross join lateral unnest(t.entries) i (id)
     where a.id = i.id
       and a.hubspot_sent_at is null;
  end if;
end;
$$;

comment on function hubspot_sync.note_synced(text, jsonb) is
  'Writes hubspot_id and hubspot_last_sync_at back to the records of an acknowledgement, and '
  'total_bookings to the exams of bookings, hubspot_sent_at to what a note tells. p_finished: an '
  'array of {record, hubspot_id, exams: HubSpot ids of exams that were left}. An id another '
  'record has goes to sync_errors instead.';
revoke execute on function hubspot_sync.note_synced(text, jsonb) from public, anon, authenticated;
