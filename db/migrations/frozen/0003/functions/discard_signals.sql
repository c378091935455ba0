-- Gives signals up by hand: what HubSpot has of these records is not read for them.
--
-- Locks as in retry_signals. The next signal of the record is read as usual.
create or replace function hubspot_sync.discard_signals(p_ids bigint[])
  returns setof hubspot_sync.handled_signal
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz;
  v_ids bigint[];
begin
  if p_ids is null then
    raise exception 'no signal is named'
      using errcode = '22023', hint = 'Give p_ids; hubspot_sync.list_signals has them.';
  end if;
  perform pg_advisory_xact_lock(hashtextextended('hubspot_sync.claim_signals', 0));
  perform pg_advisory_xact_lock(hashtextextended('hubspot_sync.take_from_hubspot', 0));
  v_now := hubspot_sync.clock();
  v_ids := array(
    select q.id
      from hubspot_sync.webhook_inbox q
     where q.id = any (p_ids)
       and q.done_at is null
       and (q.epoch is null or q.next_attempt_at <= v_now)
     order by q.id
       for update);
  update hubspot_sync.webhook_inbox q
     set done_at = v_now,
         dead_at = null,
         epoch = null,
         history = coalesce(q.history, '[]') || jsonb_build_object(
           'at', v_now, 'by', hubspot_sync.actor(), 'action', 'discarded',
           'attempt', q.attempts, 'error', q.last_error)
   where q.id = any (v_ids);
  update hubspot_sync.sync_errors e
     set resolved_at = v_now
    from hubspot_sync.webhook_inbox q
   where q.id = any (v_ids)
     and e.direction = 'hubspot_to_supabase'
     and e.entity = q.table_name
     and e.record is null
     and e.hubspot_id = q.hubspot_id
     and e.resolved_at is null
     and not exists (
       select from hubspot_sync.webhook_inbox o
        where o.hubspot_id = q.hubspot_id
          and o.table_name = q.table_name
          and o.done_at is null
          and o.last_error is not null);
  return query
    select n.id, q.table_name, q.hubspot_id,
           hubspot_sync.record_name(
             q.table_name, hubspot_sync.known_record(q.table_name, q.hubspot_id)),
           case
             when q.id = any (v_ids) then 'discarded'
             when q.id is null then 'unknown'
             when q.done_at is not null then 'done'
             else 'leased'
           end
      from (select distinct unnest(p_ids)) n (id)
      left join hubspot_sync.webhook_inbox q on q.id = n.id
     where n.id is not null
     order by n.id;
end;
$$;

comment on function hubspot_sync.discard_signals(bigint[]) is
  'Gives up the signals p_ids, dead or open, that no worker has: they count as done, their history '
  'tells by whom they were discarded, and the record''s open error is resolved. Answers what '
  'became of each. Raises 22023 without p_ids.';
revoke execute on function hubspot_sync.discard_signals(bigint[]) from public, anon, authenticated;
grant execute on function hubspot_sync.discard_signals(bigint[]) to service_role;
