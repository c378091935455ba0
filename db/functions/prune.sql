-- Deletes what was sent, read or healed long ago, a bounded piece at a time.
--
-- A piece is a range of ids, not a number of rows: where an old snapshot keeps what is deleted from
-- being cleaned up, a search for the first row that is left would wade through all of it again
-- each time. sync_status remembers where the next piece begins. A pass ends where rows become too
-- young; the next one begins at the lowest row that was left, one piece earlier, for changes that
-- committed late.
create or replace function hubspot_sync.prune(p_limit integer default 20000)
  returns api.task_result
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := hubspot_sync.clock();
  v_old timestamptz;
  v_state jsonb;
  v_key text;
  v_from bigint;
  v_to bigint;
  v_last bigint;
  v_floor bigint;
  v_left bigint;
  v_young boolean;
  v_ended boolean;
  v_deleted integer;
  v_result api.task_result;
begin
  if p_limit is null or p_limit not between 1 and 1000000 then
    raise exception 'limit % is not between 1 and 1000000', coalesce(p_limit::text, 'null')
      using errcode = '22023', hint = 'Leave it out for 20000.';
  end if;
  perform pg_advisory_xact_lock(hashtextextended('hubspot_sync.prune', 0));
  select s.state into v_state from hubspot_sync.sync_status s where s.task = 'prune';
  v_state := coalesce(v_state, '{}');
  v_result.changed := 0;
  v_result.more := false;
  foreach v_key in array array['queue', 'errors', 'inbox'] loop
    -- A pass that has ended waits for the others; begun anew each time, they might never end.
    continue when v_state #> array[v_key, 'ended'] = 'true';
    v_from := coalesce((v_state #>> array[v_key, 'next'])::bigint, 0);
    v_floor := (v_state #>> array[v_key, 'floor'])::bigint;
    v_to := v_from + p_limit;
    if v_key = 'queue' then
      v_old := v_now - hubspot_sync.setting('retention_queue')::interval;
      delete from hubspot_sync.sync_queue q
       where q.id > v_from and q.id <= v_to
         and q.synced and q.synced_at < v_old;
      get diagnostics v_deleted = row_count;
      select min(q.id), coalesce(bool_or(q.created_at >= v_old), false)
        into v_left, v_young
        from hubspot_sync.sync_queue q
       where q.id > v_from and q.id <= v_to;
      select case when s.is_called then s.last_value else 0 end
        into v_last
        from hubspot_sync.sync_queue_id_seq s;
    elsif v_key = 'errors' then
      v_old := v_now - hubspot_sync.setting('retention_errors')::interval;
      delete from hubspot_sync.sync_errors e
       where e.id > v_from and e.id <= v_to
         and e.resolved_at < v_old;
      get diagnostics v_deleted = row_count;
      select min(e.id), coalesce(bool_or(e.created_at >= v_old), false)
        into v_left, v_young
        from hubspot_sync.sync_errors e
       where e.id > v_from and e.id <= v_to;
      select case when s.is_called then s.last_value else 0 end
        into v_last
        from hubspot_sync.sync_errors_id_seq s;
    else
      v_old := v_now - hubspot_sync.setting('retention_inbox')::interval;
      delete from hubspot_sync.webhook_inbox q
       where q.id > v_from and q.id <= v_to
         and q.done_at < v_old;
      get diagnostics v_deleted = row_count;
      select min(q.id), coalesce(bool_or(q.received_at >= v_old), false)
        into v_left, v_young
        from hubspot_sync.webhook_inbox q
       where q.id > v_from and q.id <= v_to;
      select case when s.is_called then s.last_value else 0 end
        into v_last
        from hubspot_sync.webhook_inbox_id_seq s;
    end if;
    v_floor := coalesce(v_floor, v_left);
    if v_young or v_to >= v_last then
      v_from := greatest(0, least(coalesce(v_floor - 1, v_last), v_last) - p_limit);
      v_floor := null;
      v_ended := true;
    else
      v_from := v_to;
      v_ended := false;
      v_result.more := true;
    end if;
    v_state := v_state || jsonb_build_object(
      v_key, jsonb_build_object('next', v_from, 'floor', v_floor, 'ended', v_ended));
    v_result.changed := v_result.changed + v_deleted;
  end loop;
  if not v_result.more then
    v_state := v_state #- '{queue,ended}' #- '{errors,ended}' #- '{inbox,ended}';
  end if;
  insert into hubspot_sync.sync_status (task, last_run_at, state)
  values ('prune', v_now, v_state)
  on conflict (task) do update
     set last_run_at = excluded.last_run_at, state = excluded.state;
  return v_result;
end;
$$;

comment on function hubspot_sync.prune(integer) is
  'Deletes changes sent longer ago than retention_queue, signals dealt with longer ago than '
  'retention_inbox and errors resolved longer ago than retention_errors, among the next p_limit '
  'ids (1 to 1,000,000) of each; call it until more is false. What is open or dead is never '
  'deleted. Raises 22023 for a limit out of bounds.';
revoke execute on function hubspot_sync.prune(integer) from public, anon, authenticated;
grant execute on function hubspot_sync.prune(integer) to service_role;
