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
  set lock_timeout = '5s'
as $$
declare
  v_now timestamptz := hubspot_sync.clock();
  v_longest interval := hubspot_sync.setting('longest_request')::interval;
  v_ids bigint[];
  v_dead bigint[];
  v_finished jsonb;
begin
  perform hubspot_sync.require_synchronised(p_table);
  perform hubspot_sync.require_answers(p_results);
  -- One acknowledgement or import at a time: a contact's new id reaches its bookings, which
  -- another of them may hold.
  perform pg_advisory_xact_lock(hashtextextended('hubspot_sync.take_from_hubspot', 0));
  -- In order, as a claim of rows whose lease has ended takes them.
  v_ids := array(
    select q.id
      from jsonb_to_recordset(p_results) as r (record uuid, epoch bigint)
     cross join lateral (
       select o.id
         from hubspot_sync.sync_queue o
        where o.record = r.record
          and o.table_name = p_table
          and o.epoch = r.epoch
          and not o.synced
       offset 0) q);
  perform from hubspot_sync.sync_queue q where q.id = any (v_ids) order by q.id for update;
  with results as (
    select r.record, r.epoch, r.hubspot_id, coalesce(r.sent, '{}') as sent, r.archived, r.version
      from jsonb_to_recordset(p_results)
        as r (record uuid, epoch bigint, hubspot_id text, sent jsonb, archived text,
              version timestamptz)
     where r.record is not null
  ), closed as (
    update hubspot_sync.sync_queue q
       set synced = true, synced_at = v_now, epoch = null, last_error = null
      from results r
     where q.id = any (v_ids)
       and q.record = r.record
       and q.epoch = r.epoch
       and (q.synced or q.dead_at is not null) is not true
    returning q.record, q.unanswered, q.operation, q.old_data
  ), answered as (
    select c.record, bool_or(c.unanswered) as unanswered,
           bool_or(c.operation = 'delete') as gone,
           max(c.old_data::text) filter (where c.old_data ? 'hubspot_id') as deleted,
           array_agg(distinct c.old_data ->> '@exam')
             filter (where c.old_data ->> '@exam' <> '') as exams
      from closed c
     group by c.record
  )
  select jsonb_agg(jsonb_build_object(
           'record', r.record, 'hubspot_id', r.hubspot_id, 'sent', r.sent,
           -- Far ahead of our clock it is not believed: all that came later would count as older.
           'version', case when r.version <= v_now + interval '1 day' then r.version end,
           'closed', a.record is not null, 'unanswered', coalesce(a.unanswered, false),
           'gone', coalesce(a.gone, false), 'deleted', a.deleted::jsonb,
           'archived', coalesce(a.deleted::jsonb ->> case p_table when 'hubspot_bookings'
                                                       then 'booking_id' else 'student_id' end,
                                r.archived),
           -- A late worker may have linked an exam that was left meanwhile.
           'exams', case when a.record is not null then a.exams
                         when r.sent ->> '@exam' <> '' then array[r.sent ->> '@exam'] end))
    into v_finished
    from results r
    left join answered a on a.record = r.record;

  -- Of a booking that was moved, the links to each exam it left must still be ended.
  insert into hubspot_sync.sync_queue
    (table_name, record, operation, old_data, new_data, next_attempt_at, created_at)
  select p_table, f.record, 'resend',
         coalesce(f.deleted,
                  -- A late worker brought back what was deleted meanwhile.
                  case when hubspot_sync.record_properties(p_table, f.record) is null
                    then jsonb_build_object('hubspot_id', f.hubspot_id) end,
                  jsonb_build_object('@exam', x.exam)),
         (select jsonb_object_agg(k.key, null) from jsonb_object_keys(f.sent) k (key)),
         case when f.closed then v_now + v_longest else v_now end, v_now
    from jsonb_to_recordset(v_finished)
      as f (record uuid, hubspot_id text, sent jsonb, closed boolean, unanswered boolean,
            deleted jsonb, exams text[])
    left join lateral unnest(f.exams) x (exam) on true
   where (f.unanswered or not f.closed)
     -- Merged or forgotten meanwhile: HubSpot never has it again.
     and not exists (select from hubspot_sync.sync_shadow s
                      where s.record = f.record and s.properties ? '@gone');

  -- What was archived may have been made again meanwhile: then that one was archived.
  insert into hubspot_sync.sync_queue (table_name, record, operation, next_attempt_at, created_at)
  select p_table, l.id, 'resend', case when f.unanswered then v_now + v_longest else v_now end,
         v_now
    from jsonb_to_recordset(v_finished) as f (archived text, unanswered boolean)
   cross join lateral (
     select b.id
       from hubspot_sync.hubspot_bookings b
      where p_table = 'hubspot_bookings' and b.booking_id = f.archived
     union all
     select c.id
       from hubspot_sync.hubspot_contact_credits c
      where p_table = 'hubspot_contact_credits' and c.student_id = f.archived
   ) l
   where f.archived is not null;

  -- Another id than before: HubSpot's record was deleted or merged there and has been made anew
  -- from what we sent, which need not have been all of it.
  with reborn as (
    select f.record, f.sent, f.closed
      from jsonb_to_recordset(v_finished)
        as f (record uuid, hubspot_id text, sent jsonb, closed boolean)
      left join hubspot_sync.hubspot_bookings b
        on p_table = 'hubspot_bookings' and b.id = f.record
      left join hubspot_sync.hubspot_contact_credits c
        on p_table = 'hubspot_contact_credits' and c.id = f.record
     where coalesce(b.hubspot_id, c.hubspot_id) <> f.hubspot_id
  ), forgotten as (
    delete from hubspot_sync.sync_shadow s
     using reborn r
     where s.record = r.record
  )
  insert into hubspot_sync.sync_queue
    (table_name, record, operation, new_data, next_attempt_at, created_at)
  select p_table, r.record, 'resend', w.properties,
         v_now + hubspot_sync.setting('backoff_base')::interval, v_now
    from reborn r
   cross join lateral hubspot_sync.record_properties(p_table, r.record) w (properties)
   where exists (select from jsonb_object_keys(w.properties) k (key) where not r.sent ? k.key);

  -- What was read of it since is newer than this answer, and may lack what we wrote.
  insert into hubspot_sync.sync_queue
    (table_name, record, operation, new_data, next_attempt_at, created_at)
  select p_table, f.record, 'resend',
         (select jsonb_object_agg(k.key, null) from jsonb_object_keys(f.sent) k (key)), v_now, v_now
    from jsonb_to_recordset(v_finished)
      as f (record uuid, sent jsonb, closed boolean, gone boolean, version timestamptz)
    join hubspot_sync.sync_shadow s on s.record = f.record
   where f.closed
     and not f.gone
     and f.version < s.version
     and f.sent <> '{}'
     and not s.properties @> f.sent;
  perform hubspot_sync.note_shadow(p_table, (
    select jsonb_agg(jsonb_build_object(
             'record', f.record, 'version', f.version, 'how', 'written',
             -- Of a contact's first write claim_changes leaves out the names that are empty here.
             'properties', case
               when p_table = 'hubspot_contact_credits'
                    and exists (select from hubspot_sync.hubspot_contact_credits c
                                 where c.id = f.record and c.hubspot_id is null)
                    and not exists (select from hubspot_sync.sync_shadow s
                                     where s.record = f.record)
                 then jsonb_build_object('firstname', '', 'lastname', '')
               else '{}' end || f.sent))
      from jsonb_to_recordset(v_finished)
        as f (record uuid, sent jsonb, closed boolean, gone boolean, version timestamptz)
     where f.closed and not f.gone and f.sent <> '{}'));
  if p_table = 'hubspot_contact_credits' then
    perform hubspot_sync.note_written(v_finished, v_ids);
  end if;
  -- What was deleted there and written since is there again.
  update hubspot_sync.sync_shadow s
     set properties = s.properties - '@archived'
    from jsonb_to_recordset(v_finished)
      as f (record uuid, hubspot_id text, closed boolean, gone boolean)
   where s.record = f.record
     and s.properties ? '@archived'
     and f.hubspot_id is not null
     and f.closed
     and not f.gone;
  delete from hubspot_sync.sync_shadow s
   using jsonb_to_recordset(v_finished) as f (record uuid, closed boolean, gone boolean)
   where s.record = f.record
     and f.closed
     and f.gone;

  -- The last request of a dead letter may still arrive, after what was sent just now.
  v_dead := array(
    select d.id
      from jsonb_to_recordset(v_finished) as f (record uuid, closed boolean)
     cross join lateral (
       select o.id
         from hubspot_sync.sync_queue o
        where o.record = f.record
          and o.table_name = p_table
          and not o.synced
          and o.dead_at is not null
       offset 0) d
     where f.closed);
  perform from hubspot_sync.sync_queue q where q.id = any (v_dead) order by q.id for update;
  with late as (
    update hubspot_sync.sync_queue q
       set unanswered = false
     where q.id = any (v_dead)
       and q.unanswered
       and q.dead_at is not null
    returning q.record
  )
  insert into hubspot_sync.sync_queue
    (table_name, record, operation, new_data, next_attempt_at, created_at)
  select p_table, f.record, 'resend',
         (select jsonb_object_agg(k.key, null) from jsonb_object_keys(f.sent) k (key)),
         v_now + v_longest, v_now
    from jsonb_to_recordset(v_finished) as f (record uuid, sent jsonb, unanswered boolean)
   where f.sent <> '{}'
     and not f.unanswered
     and f.record in (select l.record from late l);

  -- A dead letter all of whose properties HubSpot has taken since, in whatever value, is settled.
  update hubspot_sync.sync_queue q
     set synced = true, synced_at = v_now, dead_at = null,
         history = coalesce(q.history, '[]') || jsonb_build_object('at', v_now,
                                                                   'note', 'sent since')
    from jsonb_to_recordset(v_finished) as f (record uuid, sent jsonb, closed boolean)
   cross join lateral (
     select o.id
       from hubspot_sync.sync_queue o
      where o.record = f.record
        and o.table_name = p_table
        and not o.synced
        and o.dead_at is not null
        and o.new_data is not null
        and not exists (select from jsonb_object_keys(o.new_data) k (key)
                         where not f.sent ? k.key)
     offset 0) d
   where q.id = d.id
     and f.closed;

  update hubspot_sync.sync_errors e
     set resolved_at = v_now
    from jsonb_to_recordset(v_finished) as f (record uuid, closed boolean)
   where e.direction = 'supabase_to_hubspot'
     and e.entity = p_table
     and e.record = f.record
     and e.resolved_at is null
     and f.closed
     and (select q.id
            from hubspot_sync.sync_queue q
           where q.record = f.record and not q.synced and q.dead_at is not null
           limit 1) is null;

  perform hubspot_sync.note_synced(p_table, v_finished);
  return (select count(*)::integer from jsonb_to_recordset(v_finished) as f (closed boolean)
           where f.closed);
end;
$$;

comment on function hubspot_sync.finish_changes(text, jsonb) is
  'Acknowledges sent records. p_results: an array of {record, epoch, hubspot_id, sent, '
  'archived, version}: what claim_changes gave, HubSpot''s id (null leaves it), what was sent: '
  'properties, and the links @contact and @exam, with their values; or the unique value of what '
  'was archived; and HubSpot''s modified date of the record as written, where it told it. '
  'Answers how many were still leased under that epoch; the others are queued to be sent once '
  'more. Raises 22023 for an unknown table, or results that cannot be read.';
revoke execute on function hubspot_sync.finish_changes(text, jsonb)
  from public, anon, authenticated;
grant execute on function hubspot_sync.finish_changes(text, jsonb) to service_role;
