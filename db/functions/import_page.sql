-- Takes a page of an import and notes where the next one begins, in one transaction: an import
-- that is killed has each page whole or not at all, and goes on behind the last.
--
-- After the last page the polls know from when on they must look: all that was changed since the
-- import began, and an hour before, for HubSpot's clock is not ours.
create or replace function hubspot_sync.import_page(
  p_table text,
  p_records jsonb,
  p_after text
)
  returns table (applied integer, refused integer)
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $$
declare
  v_answer record;
  v_state jsonb;
begin
  perform hubspot_sync.require_readable(p_table);
  select a.applied, a.refused, a.stale
    into v_answer
    from hubspot_sync.apply_records(p_table, p_records) a;
  applied := v_answer.applied;
  -- Who is no student is nobody's fault.
  refused := (select count(*)::integer
                from jsonb_each_text(v_answer.refused) r
               where r.value <> '22023: student_id is missing');
  perform hubspot_sync.store_signals(p_table, v_answer.stale, 'stale')
    where cardinality(v_answer.stale) > 0;
  select s.state into v_state
    from hubspot_sync.sync_status s
   where s.task = 'import ' || p_table
     for update;
  if not found then
    raise exception 'no import of % has begun', p_table
      using errcode = '22023', hint = 'Call begin_import first.';
  end if;
  v_state := v_state || jsonb_build_object(
    'after', p_after,
    'done', p_after is null,
    'pages', (v_state ->> 'pages')::integer + 1,
    'read', (v_state ->> 'read')::integer + jsonb_array_length(p_records),
    'applied', (v_state ->> 'applied')::integer + applied,
    'refused', (v_state ->> 'refused')::integer + refused);
  perform hubspot_sync.remember('import ' || p_table, v_state);
  -- Plans made for an empty table do not suit a full one, and autovacuum comes by the minute.
  if (v_state ->> 'pages')::integer in (5, 20, 100, 1000) then
    execute format('analyze hubspot_sync.%I', p_table);
    analyze hubspot_sync.sync_shadow;
  end if;
  if p_after is null then
    insert into hubspot_sync.sync_status (task, last_run_at, state)
    select t.name || ' ' || p_table, hubspot_sync.clock(), jsonb_build_object(
             'watermark', (v_state ->> 'started_at')::timestamptz - interval '1 hour')
      from unnest(array['poll', 'poll everything', 'reconcile']) t (name)
    on conflict (task) do nothing;
  end if;
  return next;
end;
$$;

comment on function hubspot_sync.import_page(text, jsonb, text) is
  'Merges a page of an import (apply_records) and notes p_after, the cursor of the next page, or '
  'null when this was the last. Answers how many records were applied, and how many refused. '
  'Raises 22023 for an unknown table, no array, or where no import has begun.';
revoke execute on function hubspot_sync.import_page(text, jsonb, text)
  from public, anon, authenticated;
grant execute on function hubspot_sync.import_page(text, jsonb, text) to service_role;
