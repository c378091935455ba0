-- Takes back what a worker could not send: for a later attempt, or as a dead letter.
create or replace function hubspot_sync.fail_changes(p_table text, p_failures jsonb)
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $$
declare
  c_history constant integer := 20;  -- of a row's failures the first and so many of the last
  v_now timestamptz := hubspot_sync.clock();
  v_max integer := hubspot_sync.setting('max_sync_attempts')::integer;
  v_base interval := hubspot_sync.setting('backoff_base')::interval;
  v_longest_wait interval := hubspot_sync.setting('backoff_max')::interval;
  v_ids bigint[];
  v_dead integer;
  v_taken_back uuid[];
begin
  perform hubspot_sync.require_synchronised(p_table);
  perform hubspot_sync.require_answers(p_failures);
  -- In order, as a claim of rows whose lease has ended takes them.
  v_ids := array(
    select q.id
      from jsonb_to_recordset(p_failures) as f (record uuid, epoch bigint)
     cross join lateral (
       select o.id
         from hubspot_sync.sync_queue o
        where o.record = f.record
          and o.table_name = p_table
          and o.epoch = f.epoch
          and not o.synced
       offset 0) q);
  perform from hubspot_sync.sync_queue q where q.id = any (v_ids) order by q.id for update;
  with failures as (
    select f.record, f.epoch, coalesce(f.error, 'no reason was told') as error,
           coalesce(f.permanent, false) as permanent,
           coalesce(f.unanswered, false) as unanswered,
           coalesce(f.charged, true) as charged,
           f.retry_after,
           -- Full doubling with up to half of it taken off at random, so that records that
           -- failed together do not come back together.
           random() as jitter
      from jsonb_to_recordset(p_failures)
        as f (record uuid, epoch bigint, error text, permanent boolean, unanswered boolean,
              charged boolean, retry_after double precision)
  ), failed as (
    update hubspot_sync.sync_queue q
       set epoch = null,
           last_error = f.error,
           unanswered = q.unanswered or f.unanswered,
           sync_attempts = greatest(q.sync_attempts - case when f.charged then 0 else 1 end, 0),
           dead_at = case
             when f.permanent or f.charged and q.sync_attempts >= v_max then v_now
           end,
           next_attempt_at = v_now + coalesce(
             make_interval(secs => case when f.retry_after < 0 then 0
               when f.retry_after < 86400 then f.retry_after
               when f.retry_after is not null then 86400 end),
             least(v_longest_wait,
                   v_base * power(2, least(q.sync_attempts, 30) - 1)) * (1 - f.jitter / 2)),
         history = case when jsonb_array_length(q.history) >= c_history
             then q.history - 1 else coalesce(q.history, '[]') end
           || jsonb_build_object('at', v_now, 'attempt', q.sync_attempts, 'error', f.error)
      from failures f
     where q.id = any (v_ids)
       and q.record = f.record
       and q.epoch = f.epoch
       and (q.synced or q.dead_at is not null) is not true
    returning q.record, q.dead_at, q.sync_attempts, f.error
  ), by_record as (
    select record, bool_or(dead_at is not null) as dead, max(sync_attempts) as attempts,
           max(error) as error
      from failed
     group by record
  ), noted as (
    insert into hubspot_sync.sync_errors
      (direction, entity, record, error_message, retry_count, created_at)
    select 'supabase_to_hubspot', p_table, r.record, r.error, r.attempts, v_now
      from by_record r
    on conflict (direction, entity, record, hubspot_id) where resolved_at is null
    do update set error_message = excluded.error_message, retry_count = excluded.retry_count
    returning 1
  )
  select (count(*) filter (where r.dead))::integer, array_agg(r.record)
    into v_dead, v_taken_back
    from by_record r;

  -- The lease had passed to another worker, whose newer values ours may have overwritten, or may
  -- still overwrite.
  insert into hubspot_sync.sync_queue
    (table_name, record, operation, old_data, next_attempt_at, created_at)
  select p_table, f.record, 'resend',
         -- What finds it, should it have been deleted meanwhile; else the exam it may have been
         -- linked with, should it have left that meanwhile.
         case when hubspot_sync.record_properties(p_table, f.record) is null
           then jsonb_build_object('hubspot_id', f.hubspot_id,
                                   case p_table when 'hubspot_bookings' then 'booking_id'
                                                else 'student_id' end, f.unique_value)
              when f.exam <> '' then jsonb_build_object('@exam', f.exam) end,
         case when f.unanswered then v_now + hubspot_sync.setting('longest_request')::interval
              else v_now end, v_now
    from jsonb_to_recordset(p_failures)
      as f (record uuid, unanswered boolean, written boolean, hubspot_id text, unique_value text,
            exam text)
   where (f.unanswered or f.written)
     and f.record <> all (coalesce(v_taken_back, '{}'));

  -- HubSpot has the booking and would not link it: its contact may be gone there. One that is
  -- known to be is made anew; of another somebody asks.
  if p_table = 'hubspot_bookings' then
    perform hubspot_sync.resend_record('hubspot_contact_credits', c.id)
       from (select distinct f.record
               from jsonb_to_recordset(p_failures) as f (record uuid, written boolean,
                                                         charged boolean)
              where f.written and f.charged
              order by f.record) f
       join hubspot_sync.hubspot_bookings b on b.id = f.record
       join hubspot_sync.hubspot_contact_credits c on c.id = b.contact
      where c.deleted_at is not null;
    perform hubspot_sync.store_signals('hubspot_contact_credits', array(
      select distinct c.hubspot_id
        from jsonb_to_recordset(p_failures) as f (record uuid, written boolean, charged boolean)
        join hubspot_sync.hubspot_bookings b on b.id = f.record
        join hubspot_sync.hubspot_contact_credits c on c.id = b.contact
       where f.written and f.charged
         and c.deleted_at is null
         and c.hubspot_id is not null
       order by c.hubspot_id), 'missing');
  end if;
  return v_dead;
end;
$$;

comment on function hubspot_sync.fail_changes(text, jsonb) is
  'Gives claimed records back. p_failures: an array of {record, epoch, error, permanent: never '
  'to be tried again, unanswered: HubSpot may have applied it, written: it did in part, charged: '
  'false where the record is not at fault, retry_after: seconds}. What came too late and may have '
  'been applied is sent again; of a deleted record hubspot_id and unique_value find it, and a link '
  'to exam that was left since is ended. A booking that is charged with a link HubSpot refused '
  'has its contact made anew, or asked for. '
  'The wait is backoff_base, doubled by each charged attempt up to backoff_max, less a random part '
  'of up to half; after max_sync_attempts, or at once when permanent, a change becomes a dead '
  'letter. Answers how many did. '
  'Raises 22023 for an unknown table, or failures that cannot be read.';
revoke execute on function hubspot_sync.fail_changes(text, jsonb) from public, anon, authenticated;
grant execute on function hubspot_sync.fail_changes(text, jsonb) to service_role;
