-- Closes what a worker has sent, and writes back what HubSpot answered.
--
-- Exactly the rows stamped with the claim's epoch are closed. Where none is left, the lease had
-- passed to another worker: our request may have overwritten its newer values, so the record
-- is sent once more. Where an earlier request of the record was never answered, HubSpot may
-- still apply it: the record is sent again after the longest time that can take.
create or replace function hubspot_sync.finish_changes(p_table text, p_results jsonb)
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := hubspot_sync.clock();
  v_longest interval := hubspot_sync.setting('longest_request')::interval;
  v_finished jsonb;
  v_taken jsonb;
  v_reborn jsonb;
  v_exams uuid[];
begin
  if p_table is null
     or p_table not in ('hubspot_bookings', 'hubspot_contact_credits', 'hubspot_mock_exams') then
    raise exception 'table % is not synchronised', p_table
      using errcode = '22023',
            hint = 'hubspot_bookings, hubspot_contact_credits or hubspot_mock_exams.';
  end if;
  -- One acknowledgement or import at a time: a contact's new id reaches its bookings, which
  -- another of them may hold.
  perform pg_advisory_xact_lock(hashtextextended('hubspot_sync.take_from_hubspot', 0));
  -- In order, as a claim of rows whose lease has ended takes them.
  perform from hubspot_sync.sync_queue q
    where q.table_name = p_table
      and q.record in (select r.record from jsonb_to_recordset(p_results) as r (record uuid))
      and not q.synced
      and q.dead_at is null
      and q.epoch is not null
    order by q.id
      for update;
  with results as (
    select r.record, r.epoch, r.hubspot_id, r.keys
      from jsonb_to_recordset(p_results)
        as r (record uuid, epoch bigint, hubspot_id text, keys jsonb)
     where r.record is not null
  ), closed as (
    update hubspot_sync.sync_queue q
       set synced = true, synced_at = v_now, epoch = null, last_error = null
      from results r
     where q.table_name = p_table
       and q.record = r.record
       and q.epoch = r.epoch
       and not q.synced
       and q.dead_at is null
    returning q.record, q.unanswered, q.operation, q.old_data
  ), answered as (
    select c.record, bool_or(c.unanswered) as unanswered,
           max(c.old_data::text) filter (where c.operation in ('delete', 'resend')) as deleted,
           array_agg(distinct c.old_data ->> '@exam')
             filter (where c.old_data ->> '@exam' <> '') as exams
      from closed c
     group by c.record
  )
  select jsonb_agg(jsonb_build_object(
           'record', r.record, 'hubspot_id', r.hubspot_id, 'keys', r.keys,
           'closed', a.record is not null, 'unanswered', coalesce(a.unanswered, false),
           'deleted', a.deleted::jsonb, 'exams', a.exams))
    into v_finished
    from results r
    left join answered a on a.record = r.record;

  -- Of a booking that was moved, the links to each exam it left must still be ended.
  insert into hubspot_sync.sync_queue
    (table_name, record, operation, old_data, new_data, next_attempt_at, created_at)
  select p_table, f.record, 'resend', coalesce(f.deleted, jsonb_build_object('@exam', x.exam)),
         (select jsonb_object_agg(k.key, null) from jsonb_array_elements_text(f.keys) k (key)),
         case when f.closed then v_now + v_longest else v_now end, v_now
    from jsonb_to_recordset(v_finished)
      as f (record uuid, keys jsonb, closed boolean, unanswered boolean, deleted jsonb,
            exams text[])
    left join lateral unnest(f.exams) x (exam) on true
   where f.unanswered or not f.closed;

  update hubspot_sync.sync_errors e
     set resolved_at = v_now
    from jsonb_to_recordset(v_finished) as f (record uuid, closed boolean)
   where e.direction = 'supabase_to_hubspot'
     and e.entity = p_table
     and e.record = f.record
     and e.resolved_at is null
     and f.closed;

  -- Two records here for one there: a merge, or a duplicate. A person must look.
  with answers as (
    select f.record, f.hubspot_id
      from jsonb_to_recordset(v_finished) as f (record uuid, hubspot_id text)
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
          select d.record
            from (select a.record, row_number() over (
                           partition by a.hubspot_id order by a.record) as place
                    from answers a) d
           where p_table <> 'hubspot_mock_exams' and d.place > 1) t;
  insert into hubspot_sync.sync_errors (direction, entity, record, hubspot_id, error_message)
  select 'supabase_to_hubspot', p_table, f.record, f.hubspot_id,
         'HubSpot answered an id that another record here already has'
    from jsonb_to_recordset(v_finished) as f (record uuid, hubspot_id text)
   where v_taken ? f.record::text
  on conflict do nothing;

  -- Another id than before: HubSpot's record was deleted or merged there and has been made anew
  -- from what we sent, which need not have been all of it.
  select jsonb_agg(f.record)
    into v_reborn
    from jsonb_to_recordset(v_finished) as f (record uuid, hubspot_id text)
    left join hubspot_sync.hubspot_bookings b
      on p_table = 'hubspot_bookings' and b.id = f.record
    left join hubspot_sync.hubspot_contact_credits c
      on p_table = 'hubspot_contact_credits' and c.id = f.record
   where coalesce(b.hubspot_id, c.hubspot_id) <> f.hubspot_id;
  insert into hubspot_sync.sync_queue
    (table_name, record, operation, new_data, next_attempt_at, created_at)
  select p_table, r.record::uuid, 'resend',
         hubspot_sync.record_properties(p_table, r.record::uuid),
         v_now + hubspot_sync.setting('backoff_base')::interval, v_now
    from jsonb_array_elements_text(v_reborn) r (record);

  if p_table = 'hubspot_bookings' then
    -- Exams are locked before bookings, as everywhere: those of the bookings, and those they left.
    v_exams := array(
      select l.id
        from hubspot_sync.hubspot_mock_exams l
       where l.id in (select b.exam
                        from jsonb_to_recordset(v_finished) as f (record uuid)
                        join hubspot_sync.hubspot_bookings b on b.id = f.record)
          or l.hubspot_id in (select x.hubspot_id
                                from jsonb_to_recordset(v_finished) as f (exams text[])
                               cross join lateral unnest(f.exams) x (hubspot_id))
       order by l.id
         for no key update);
    update hubspot_sync.hubspot_bookings b
       set hubspot_id = f.hubspot_id, hubspot_last_sync_at = v_now
      from (select f.record, f.hubspot_id
              from jsonb_to_recordset(v_finished) as f (record uuid, hubspot_id text)
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
      where c.id in (select f.record from jsonb_to_recordset(v_finished) as f (record uuid))
      order by c.id
        for no key update;
    perform from hubspot_sync.hubspot_bookings b
      where b.id in (
        select o.id
          from jsonb_to_recordset(v_finished) as f (record uuid, hubspot_id text)
          join hubspot_sync.hubspot_contact_credits c on c.id = f.record
          join hubspot_sync.hubspot_bookings o on o.student_id = c.student_id
         where f.hubspot_id is distinct from c.hubspot_id
           and (o.contact = c.id or o.contact is null)
        union
        select o.id
          from jsonb_to_recordset(v_finished) as f (hubspot_id text)
          join hubspot_sync.hubspot_bookings o on o.contact_id = f.hubspot_id
         where o.contact is null)
      order by b.id
        for no key update;
    update hubspot_sync.hubspot_contact_credits c
       set hubspot_id = f.hubspot_id, hubspot_last_sync_at = v_now
      from (select f.record, f.hubspot_id
              from jsonb_to_recordset(v_finished) as f (record uuid, hubspot_id text)
              join hubspot_sync.hubspot_contact_credits l on l.id = f.record
             where f.hubspot_id is not null and not coalesce(v_taken ? f.record::text, false)
             order by l.id
               for no key update of l) f
     where c.id = f.record;
  elsif p_table = 'hubspot_mock_exams' then
    perform from hubspot_sync.hubspot_mock_exams e
      where e.id in (select f.record from jsonb_to_recordset(v_finished) as f (record uuid))
      order by e.id
        for no key update;
    update hubspot_sync.hubspot_mock_exams e
       set hubspot_last_sync_at = v_now
      from jsonb_to_recordset(v_finished) as f (record uuid)
     where e.id = f.record;
  end if;

  return (select count(*)::integer from jsonb_to_recordset(v_finished) as f (closed boolean)
           where f.closed);
end;
$$;

comment on function hubspot_sync.finish_changes(text, jsonb) is
  'Acknowledges sent records. p_results: an array of {record, epoch, hubspot_id, keys}: what '
  'claim_changes gave, HubSpot''s id (null leaves it), the names of what was sent. Answers how '
  'many were still leased under that epoch; the others are queued to be sent once more. '
  'Raises 22023 for an unknown table.';
revoke execute on function hubspot_sync.finish_changes(text, jsonb)
  from public, anon, authenticated;
grant execute on function hubspot_sync.finish_changes(text, jsonb) to service_role;
