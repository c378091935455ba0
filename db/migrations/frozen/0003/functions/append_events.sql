-- The ticker: gives the events of the audit log that are committed and not logged yet the next
-- positions of event_log. It costs a booking nothing: no index, no column, no row of its own.
--
-- Ids of the audit log are drawn before a commit, so a lower id may appear after a higher one.
-- All ids up to «settled» are decided for ever; only rows above it are looked at. It moves on like
-- this: note the highest id drawn («next»), then who is writing the audit log at this moment; once
-- none of them is at it any more, whatever is to come of ids up to «next» is visible. A writer that
-- stays open delays this, which costs a longer look, and never an event. A prepared transaction
-- loses its name among the locks when the server restarts: while there is one, nothing is settled.
create or replace function hubspot_sync.append_events(p_limit integer default 1000)
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
  set plan_cache_mode = force_custom_plan
as $$
declare
  v_state jsonb;
  v_after jsonb;
  v_settled bigint;
  v_next bigint;
  v_before text[];
  v_writers text[];
  v_last bigint;
  v_added integer;
  v_highest bigint;
begin
  perform hubspot_sync.require_read_committed();
  if coalesce(p_limit, 0) not between 1 and 10000 then
    raise exception 'p_limit is %', coalesce(p_limit::text, 'missing')
      using errcode = '22023', hint = 'Give 1 to 10000.';
  end if;
  perform pg_advisory_xact_lock(hashtextextended('hubspot_sync.append_events', 0));

  v_state := coalesce(
    (select t.state from hubspot_sync.sync_status t where t.task = 'append_events'), '{}');
  v_settled := coalesce((v_state ->> 'settled')::bigint, 0);
  v_next := (v_state ->> 'next')::bigint;
  if v_next is null then
    select case when s.is_called then s.last_value else 0 end
      into v_next
      from hubspot_sync.supabase_audit_log_id_seq s;
  else
    v_before := array(select jsonb_array_elements_text(v_state -> 'writers'));
  end if;
  v_writers := array(
    select l.virtualtransaction
      from pg_catalog.pg_locks l
     where l.relation = 'hubspot_sync.supabase_audit_log'::regclass
       and l.database = (select d.oid from pg_catalog.pg_database d
                          where d.datname = current_database())
       and l.mode = 'RowExclusiveLock'
       and l.pid is distinct from pg_backend_pid());
  v_before := coalesce(v_before, v_writers);

  -- A snapshot taken after that look.
  v_last := coalesce((select max(l.sequence_number) from hubspot_sync.event_log l), 0);
  with fresh as (
    select a.*
      from hubspot_sync.supabase_audit_log a
     where a.id > v_settled
       and a.event_type is not null
       and not exists (select from hubspot_sync.event_log l
                        where l.audit_id = a.id and l.audit_id > v_settled)
     order by a.id
     limit p_limit
  ), added as (
    insert into hubspot_sync.event_log
      (sequence_number, aggregate_type, aggregate_id, event_type, event_data, occurred_at, audit_id)
    select v_last + row_number() over (order by f.id), 'booking', f.record, f.event_type,
           jsonb_strip_nulls(jsonb_build_object(
             'booking_id', coalesce(b.booking_id, (
               select coalesce(d.old_values, d.new_values) ->> 'booking_id'
                 from hubspot_sync.supabase_audit_log d
                where d.record = f.record and d.operation in ('delete', 'insert')
                order by d.operation
                limit 1)),
             'changed_fields', f.changed_fields,
             'old_values', f.old_values,
             'new_values', f.new_values,
             'actor', f.actor,
             'reason', f.reason)),
           f.created_at, f.id
      from fresh f
      left join hubspot_sync.hubspot_bookings b on b.id = f.record
    returning audit_id
  )
  select count(*)::integer, max(d.audit_id) into v_added, v_highest from added d;

  if v_before && v_writers or exists (select from unnest(v_writers) w (name)
                                       where w.name like '-%') then
    v_after := jsonb_build_object('settled', v_settled, 'next', v_next,
                                  'writers', to_jsonb(v_before));
  elsif v_added = p_limit and v_highest < v_next then
    v_after := jsonb_build_object('settled', v_highest, 'next', v_next, 'writers', '[]'::jsonb);
  else
    v_after := jsonb_build_object('settled', v_next);
  end if;
  if v_after <> v_state then
    insert into hubspot_sync.sync_status (task, last_run_at, state)
    values ('append_events', hubspot_sync.clock(), v_after)
        on conflict (task) do update
       set last_run_at = excluded.last_run_at, state = excluded.state;
  end if;
  return v_added;
end;
$$;

comment on function hubspot_sync.append_events(integer) is
  'Logs up to p_limit (1 to 10000) committed events that are not in event_log yet; answers how '
  'many. Call it until it answers less than p_limit. Raises 22023, MBISO.';
revoke execute on function hubspot_sync.append_events(integer) from public, anon, authenticated;
grant execute on function hubspot_sync.append_events(integer) to service_role;
