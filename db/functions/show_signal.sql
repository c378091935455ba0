-- Tells all the inbox knows of one record of HubSpot's.
--
-- A person asks for one record now and then: its finished rows are found by reading the inbox,
-- whose writers would have to pay for an index.
create or replace function hubspot_sync.show_signal(
  p_id bigint default null,
  p_hubspot_id text default null,
  p_table text default null
)
  returns jsonb
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  c_recent constant integer := 20;
  v_table text := hubspot_sync.find_synced_table(p_table);
  v_tables text[];
  v_hubspot_id text;
  v_record uuid;
begin
  if num_nonnulls(p_id, p_hubspot_id) <> 1 then
    raise exception 'no record is named, or more than one'
      using errcode = '22023', hint = 'Give p_id or p_hubspot_id.';
  end if;
  select array_agg(distinct q.table_name), min(q.hubspot_id)
    into v_tables, v_hubspot_id
    from hubspot_sync.webhook_inbox q
   where (q.id = p_id or q.hubspot_id = p_hubspot_id)
     and q.table_name = coalesce(v_table, q.table_name)
     and q.hubspot_id is not null;
  if v_tables is null then
    return null;
  elsif cardinality(v_tables) > 1 then
    raise exception '% stands for % records', left(p_hubspot_id, 100), cardinality(v_tables)
      using errcode = '22023',
            hint = format('Name the table: %s.', array_to_string(v_tables, ', '));
  end if;
  v_table := v_tables[1];
  v_record := hubspot_sync.known_record(v_table, v_hubspot_id);
  return jsonb_build_object(
    'table', v_table,
    'hubspot_id', v_hubspot_id,
    'record', v_record,
    'name', hubspot_sync.record_name(v_table, v_record),
    'signals', (
      select coalesce(jsonb_agg(
               jsonb_build_object(
                 'id', r.id, 'kind', r.kind, 'lane', r.lane,
                 'state', hubspot_sync.signal_state(r.signal), 'attempts', r.attempts,
                 'received_at', r.received_at, 'next_attempt_at', r.next_attempt_at,
                 'done_at', r.done_at, 'dead_at', r.dead_at, 'last_error', r.last_error,
                 'event', r.event, 'history', coalesce(r.history, '[]')) order by r.id), '[]')
        from (select q as signal, q.*, row_number() over (partition by q.done_at is null
                                                           order by q.id desc) as place
                from hubspot_sync.webhook_inbox q
               where q.hubspot_id = v_hubspot_id and q.table_name = v_table) r
       where r.done_at is null or r.place <= c_recent),
    'read_at', (select s.read_at from hubspot_sync.sync_shadow s where s.record = v_record),
    'errors', (
      select coalesce(jsonb_agg(jsonb_build_object(
               'error', e.error_message, 'retries', e.retry_count, 'since', e.created_at)
               order by e.id), '[]')
        from hubspot_sync.sync_errors e
       where e.direction = 'hubspot_to_supabase'
         and e.entity = v_table
         and e.hubspot_id = v_hubspot_id
         and e.resolved_at is null));
end;
$$;

comment on function hubspot_sync.show_signal(bigint, text, text) is
  'Of the record of a signal (p_id), or of a HubSpot id (p_hubspot_id; p_table where that is not '
  'enough): its open signals and the last 20 that are done, with their events and history, when it '
  'was read last, and its open errors. Null where nothing is known. Raises 22023 when none or '
  'several are meant.';
revoke execute on function hubspot_sync.show_signal(bigint, text, text)
  from public, anon, authenticated;
grant execute on function hubspot_sync.show_signal(bigint, text, text) to service_role;
