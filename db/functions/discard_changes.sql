-- Gives changes up by hand: HubSpot differs, and that is accepted.
--
-- What a given-up change would have written counts as held by HubSpot from now on, unless another
-- change of the record still has to bring it; so no full comparison sends it again, nor, marked
-- @given_up, a record that HubSpot lacks. Of a record that is gone here, HubSpot's is forgotten.
-- Locks: the turn of the claims, then that of the acknowledgements and the import, which write
-- sync_shadow, then all rows of the records in order. A failure holds a row of its record first,
-- so the record's row of sync_errors is ours, too.
create or replace function hubspot_sync.discard_changes(p_ids bigint[])
  returns setof hubspot_sync.handled_change
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz;
  v_records uuid[];
  v_ids bigint[];
begin
  if p_ids is null then
    raise exception 'no change is named'
      using errcode = '22023', hint = 'Give p_ids; hubspot_sync.list_queue has them.';
  end if;
  perform pg_advisory_xact_lock(hashtextextended('hubspot_sync.claim_changes', 0));
  perform pg_advisory_xact_lock(hashtextextended('hubspot_sync.take_from_hubspot', 0));
  v_now := hubspot_sync.clock();
  v_records := array(
    select distinct q.record from hubspot_sync.sync_queue q where q.id = any (p_ids));
  perform from hubspot_sync.sync_queue q
    where q.record = any (v_records) and not q.synced
    order by q.id
      for update;
  v_ids := array(
    select q.id
      from hubspot_sync.sync_queue q
     where q.id = any (p_ids)
       and not q.synced
       and (q.epoch is null or q.next_attempt_at <= v_now)
     order by q.id);
  update hubspot_sync.sync_queue q
     set synced = true,
         synced_at = v_now,
         dead_at = null,
         epoch = null,
         history = coalesce(q.history, '[]') || jsonb_build_object(
           'at', v_now, 'by', hubspot_sync.actor(), 'action', 'discarded',
           'attempt', q.sync_attempts, 'error', q.last_error)
   where q.id = any (v_ids);

  with given_up as (
    select q.table_name, q.record, array_agg(distinct k.key) as keys,
           bool_or(q.operation = 'insert') as is_new
      from hubspot_sync.sync_queue q
      left join lateral jsonb_object_keys(q.new_data) k (key) on true
     where q.id = any (v_ids)
     group by q.table_name, q.record
  ), present as (
    select g.table_name, g.record, g.is_new, s.state,
           (select coalesce(jsonb_object_agg(p.key, p.value), '{}')
              from jsonb_each(s.state) p
             -- The row of a note names none: a note never changes.
             where (p.key = any (g.keys) or g.table_name = 'sync_notes')
               and not exists (
                 select from hubspot_sync.sync_queue o
                  where o.record = g.record and not o.synced and o.new_data ? p.key)) as properties
      from given_up g
     cross join lateral (
       select hubspot_sync.record_properties(g.table_name, g.record)) s (state)
  ), forgotten as (
    delete from hubspot_sync.sync_shadow h
     using present p
     where h.record = p.record and p.state is null
  )
  insert into hubspot_sync.sync_shadow (record, table_name, properties, let_be, updated_at)
  select p.record, p.table_name, p.properties 
           || case when p.is_new then '{"@given_up": ""}' else '{}' end::jsonb,
         array(select k.key from jsonb_object_keys(p.properties) k (key) order by k.key), v_now
    from present p
   where p.state is not null
   order by p.record
  on conflict (record) do update
     set properties = sync_shadow.properties || excluded.properties,
         let_be = sync_shadow.let_be || excluded.let_be,
         updated_at = excluded.updated_at;

  update hubspot_sync.sync_errors e
     set resolved_at = v_now
    from hubspot_sync.sync_queue q
   where q.id = any (v_ids)
     and e.direction = 'supabase_to_hubspot'
     and e.entity = q.table_name
     and e.record = q.record
     and e.resolved_at is null
     and not exists (
       select from hubspot_sync.sync_queue o
        where o.record = q.record and not o.synced and o.last_error is not null);
  return query
    select n.id, q.table_name, q.record,
           hubspot_sync.record_name(q.table_name, q.record, coalesce(q.old_data, q.new_data)),
           case
             when q.id = any (v_ids) then 'discarded'
             when q.id is null then 'unknown'
             when q.synced then 'sent'
             else 'leased'
           end
      from (select distinct unnest(p_ids)) n (id)
      left join hubspot_sync.sync_queue q on q.id = n.id
     where n.id is not null
     order by n.id;
end;
$$;

comment on function hubspot_sync.discard_changes(bigint[]) is
  'Gives up the changes p_ids, dead or open, that no worker has: they count as sent, their history '
  'tells by whom they were discarded, what they would have written counts as held by HubSpot, and '
  'the record''s open error is resolved. Answers what became of each. Raises 22023 without p_ids.';
revoke execute on function hubspot_sync.discard_changes(bigint[]) from public, anon, authenticated;
grant execute on function hubspot_sync.discard_changes(bigint[]) to service_role;
