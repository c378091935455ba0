-- Makes signals due at once by hand: dead letters, and those that wait for another attempt.
--
-- Locks: the turn of the claims, so that what is not leased now cannot become so; that of the
-- acknowledgements, which may settle dead letters; then the rows in order.
create or replace function hubspot_sync.retry_signals(
  p_ids bigint[] default null,
  p_table text default null,
  p_all boolean default false
)
  returns setof hubspot_sync.handled_signal
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz;
  v_table text := hubspot_sync.find_synced_table(p_table);
  v_ids bigint[];
begin
  if (p_ids is not null) = coalesce(p_all, false) or p_ids is not null and v_table is not null then
    raise exception 'either signals are named or all are meant'
      using errcode = '22023', hint = 'Give p_ids, or p_all and perhaps p_table.';
  end if;
  perform pg_advisory_xact_lock(hashtextextended('hubspot_sync.claim_signals', 0));
  perform pg_advisory_xact_lock(hashtextextended('hubspot_sync.take_from_hubspot', 0));
  v_now := hubspot_sync.clock();
  if p_ids is null then
    v_ids := array(
      select q.id
        from hubspot_sync.webhook_inbox q
       where q.done_at is null
         and q.table_name = coalesce(v_table, q.table_name)
         and (q.dead_at is not null or q.epoch is null and q.next_attempt_at > v_now));
  else
    v_ids := array(select distinct n.id from unnest(p_ids) n (id) where n.id is not null);
  end if;
  perform from hubspot_sync.webhook_inbox q
    where q.id = any (v_ids) and q.done_at is null
    order by q.id
      for update;
  return query
    with retried as (
      update hubspot_sync.webhook_inbox q
         set dead_at = null,
             epoch = null,
             attempts = 0,
             outdated = 0,
             next_attempt_at = v_now,
             history = coalesce(q.history, '[]') || jsonb_build_object(
               'at', v_now, 'by', hubspot_sync.actor(), 'action', 'retried',
               'attempt', q.attempts)
       where q.id = any (v_ids)
         and q.done_at is null
         and (q.dead_at is not null or q.next_attempt_at <= v_now or q.epoch is null)
      returning q.id
    )
    select n.id, q.table_name, q.hubspot_id,
           hubspot_sync.record_name(
             q.table_name, hubspot_sync.known_record(q.table_name, q.hubspot_id)),
           case
             when r.id is not null then 'retried'
             when q.id is null then 'unknown'
             when q.done_at is not null then 'done'
             else 'leased'
           end
      from unnest(v_ids) n (id)
      left join hubspot_sync.webhook_inbox q on q.id = n.id
      left join retried r on r.id = n.id
     order by n.id;
end;
$$;

comment on function hubspot_sync.retry_signals(bigint[], text, boolean) is
  'Makes the signals p_ids, or with p_all every dead or waiting one (of p_table), due at once with '
  'all their attempts before them; their history tells by whom. Answers what became of each; one '
  'that a worker has is left to it. Raises 22023 unless either p_ids or p_all is given.';
revoke execute on function hubspot_sync.retry_signals(bigint[], text, boolean)
  from public, anon, authenticated;
grant execute on function hubspot_sync.retry_signals(bigint[], text, boolean) to service_role;
