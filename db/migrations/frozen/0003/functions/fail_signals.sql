-- Takes back records that could not be read or taken over: for a later attempt, or as dead letters.
--
-- Locks: the turn of the acknowledgements and the import, which write sync_errors, too; then the
-- rows in order.
create or replace function hubspot_sync.fail_signals(p_table text, p_failures jsonb)
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $$
declare
  c_history constant integer := 20;  -- of a row's failures the first and so many of the last
  c_outdated constant integer := 3;  -- old answers in a row until the next one is waited for
  v_now timestamptz;
  v_max integer := hubspot_sync.setting('max_sync_attempts')::integer;
  v_base interval := hubspot_sync.setting('backoff_base')::interval;
  v_longest_wait interval := hubspot_sync.setting('backoff_max')::interval;
  v_ids bigint[];
  v_dead integer;
  v_why text;
begin
  perform hubspot_sync.require_readable(p_table);
  begin
    select case
             when bool_or(f.hubspot_id is null or f.epoch is null)
               then 'an id or an epoch is missing'
             when count(distinct f.hubspot_id) < count(*) then 'a record is named twice'
           end
      into v_why
      from jsonb_to_recordset(p_failures)
        as f (hubspot_id text, epoch bigint, error text, charged boolean, outdated boolean,
              retry_after double precision);
  exception
    when invalid_parameter_value or invalid_text_representation or numeric_value_out_of_range then
      v_why := sqlerrm;
  end;
  if v_why is not null then
    raise exception 'what is told of the records cannot be read: %', left(v_why, 200)
      using errcode = '22023',
            hint = 'An array of objects with hubspot_id and epoch, each record once.';
  end if;
  perform pg_advisory_xact_lock(hashtextextended('hubspot_sync.take_from_hubspot', 0));
  v_now := hubspot_sync.clock();
  v_ids := array(
    select q.id
      from jsonb_to_recordset(p_failures) as f (hubspot_id text, epoch bigint)
     cross join lateral (
       select o.id
         from hubspot_sync.webhook_inbox o
        where o.hubspot_id = f.hubspot_id
          and o.table_name = p_table
          and o.epoch = f.epoch
          and o.done_at is null
       offset 0) q);
  perform from hubspot_sync.webhook_inbox q where q.id = any (v_ids) order by q.id for update;
  with failures as (
    select f.hubspot_id, f.epoch, coalesce(f.error, 'no reason was told') as error,
           coalesce(f.charged, true) and not coalesce(f.outdated, false) as charged,
           coalesce(f.outdated, false) as outdated,
           f.retry_after,
           random() as jitter
      from jsonb_to_recordset(p_failures)
        as f (hubspot_id text, epoch bigint, error text, charged boolean, outdated boolean,
              retry_after double precision)
  ), failed as (
    update hubspot_sync.webhook_inbox q
       set epoch = null,
           last_error = f.error,
           attempts = greatest(q.attempts - case when f.charged then 0 else 1 end, 0),
           outdated = case when f.outdated then q.outdated + 1 else 0 end,
           dead_at = case when f.charged and q.attempts >= v_max then v_now end,
           next_attempt_at = v_now + case
             when f.outdated and q.outdated + 1 < c_outdated then interval '0'
             else coalesce(
               make_interval(secs => case when f.retry_after < 0 then 0
                 when f.retry_after < 86400 then f.retry_after
                 when f.retry_after is not null then 86400 end),
               least(v_longest_wait,
                     v_base * power(2, least(case when f.outdated
                                               then q.outdated + 2 - c_outdated
                                               else q.attempts end, 30) - 1))
               * (1 - f.jitter / 2))
           end,
           history = case when jsonb_array_length(q.history) >= c_history
             then q.history - 1 else coalesce(q.history, '[]') end
           || jsonb_build_object('at', v_now, 'attempt', q.attempts, 'error', f.error)
      from failures f
     where q.id = any (v_ids)
       and q.hubspot_id = f.hubspot_id
       and q.epoch = f.epoch
       and (q.done_at is not null or q.dead_at is not null) is not true
    returning q.hubspot_id, q.dead_at, q.attempts, f.error, f.outdated
  ), by_record as (
    select hubspot_id, bool_or(dead_at is not null) as dead, max(attempts) as attempts,
           max(error) as error, bool_or(outdated) as outdated
      from failed
     group by hubspot_id
  ), noted as (
    insert into hubspot_sync.sync_errors
      (direction, entity, hubspot_id, error_message, retry_count, created_at)
    select 'hubspot_to_supabase', p_table, r.hubspot_id, r.error, r.attempts, v_now
      from by_record r
     where not r.outdated
     order by r.hubspot_id
    on conflict (direction, entity, record, hubspot_id) where resolved_at is null
    do update set error_message = excluded.error_message, retry_count = excluded.retry_count
    returning 1
  )
  select (count(*) filter (where r.dead))::integer
    into v_dead
    from by_record r;
  return v_dead;
end;
$$;

comment on function hubspot_sync.fail_signals(text, jsonb) is
  'Gives claimed records back. p_failures: an array of {hubspot_id, epoch, error, charged: false '
  'where the record is not at fault, outdated: HubSpot answered a state older than the one known, '
  'retry_after: seconds}. The wait is that of fail_changes; after max_sync_attempts charged '
  'attempts a signal becomes a dead letter. An outdated one is not charged and due again at once, '
  'unless it is the third in a row. What is no longer leased under that epoch is left alone. '
  'Answers how many records became dead letters. Raises 22023 for an unknown table, or failures '
  'that cannot be read.';
revoke execute on function hubspot_sync.fail_signals(text, jsonb) from public, anon, authenticated;
grant execute on function hubspot_sync.fail_signals(text, jsonb) to service_role;
