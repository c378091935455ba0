-- Asks for records of HubSpot's to be read.
--
-- A record that waits to be read for as good a reason gets no second signal: that read begins after
-- this call, so it sees what made the caller ask. One in a worker's hands may have been read
-- before, so it gets one. What is locked is being claimed just now; nothing here waits for it.
create or replace function hubspot_sync.store_signals(
  p_table text,
  p_ids text[],
  p_kind text,
  p_lane text default 'bulk'
)
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := hubspot_sync.clock();
  v_stored integer;
begin
  perform hubspot_sync.require_readable(p_table);
  if p_ids is null
     or exists (select from unnest(p_ids) i (id)
                 where i.id is null or i.id = '' or length(i.id) > 100) then
    raise exception 'an id is missing, empty or too long'
      using errcode = '22023', hint = 'Give HubSpot''s ids, of up to 100 characters.';
  elsif p_kind is null or p_kind !~ '^[A-Za-z]{1,40}$' then
    raise exception 'kind % is no reason to read a record', left(p_kind, 100)
      using errcode = '22023', hint = 'One word, such as poll, reconcile or demand.';
  elsif p_lane is null or p_lane not in ('urgent', 'bulk') then
    raise exception 'there is no lane %', left(p_lane, 100)
      using errcode = '22023', hint = 'urgent or bulk.';
  end if;

  with asked as materialized (
    select distinct i.id as hubspot_id
      from unnest(p_ids) i (id)
  ), waiting as materialized (
    select w.id, a.hubspot_id
      from asked a
     cross join lateral (
       select o.id
         from hubspot_sync.webhook_inbox o
        where o.hubspot_id = a.hubspot_id
          and o.table_name = p_table
          and o.done_at is null
          and coalesce(o.dead_at, '-infinity') = '-infinity'
          and o.epoch is null
          and (o.kind = p_kind
               or p_kind <> 'privacyDeletion'
              and (hubspot_sync.reads_links(p_table, o.kind)
                   or not hubspot_sync.reads_links(p_table, p_kind)))
       offset 0) w
  ), free as materialized (
    select q.id
      from waiting
      join hubspot_sync.webhook_inbox q on q.id = waiting.id
     where p_lane = 'urgent'
     order by q.id
       for update of q skip locked
  ), raised as (
    update hubspot_sync.webhook_inbox q
       set lane = 'urgent', next_attempt_at = least(q.next_attempt_at, v_now)
      from free
     where q.id = free.id
       and q.epoch is null
       and (q.lane <> 'urgent' or q.next_attempt_at > v_now)
  ), stored as (
    insert into hubspot_sync.webhook_inbox
      (table_name, hubspot_id, kind, lane, next_attempt_at, received_at)
    select p_table, a.hubspot_id, p_kind, p_lane, v_now, v_now
      from asked a
     where not exists (select from waiting w where w.hubspot_id = a.hubspot_id)
     order by a.hubspot_id
    returning 1
  )
  select count(*)::integer into v_stored from stored;
  return v_stored;
end;
$$;

comment on function hubspot_sync.store_signals(text, text[], text, text) is
  'Asks for the records p_ids (HubSpot''s) of a table to be read, and why: p_kind. p_lane: urgent '
  'or bulk. A record that waits for a read anyway gets no second signal; if asked urgently it '
  'becomes urgent, and due at once. Answers how many signals were added. Raises 22023 for what it '
  'does not know.';
revoke execute on function hubspot_sync.store_signals(text, text[], text, text)
  from public, anon, authenticated;
grant execute on function hubspot_sync.store_signals(text, text[], text, text) to service_role;
