-- Takes a page of a search for what changed, and notes how far the pass has come, in one
-- transaction: a watermark never passes a page whose signals were not stored.
--
-- The watermark becomes the moment the pass began, by HubSpot's clock: what was changed while it
-- went on, in records it had passed, the next one finds. One that began earlier and ends later
-- does not set it back. No moment far ahead of our clock is believed.
create or replace function hubspot_sync.note_poll(
  p_task text,
  p_table text,
  p_rows jsonb,
  p_since timestamptz,
  p_until timestamptz,
  p_after text
)
  returns table (checked integer, queued integer, fresh integer, untold integer)
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_task text := p_task || ' ' || p_table;
  v_watermark timestamptz;
  v_ours text[];
begin
  if p_until is null then
    raise exception 'a pass that began at no time'
      using errcode = '22023', hint = 'Give p_until: when its first page was asked for.';
  end if;
  select (s.state ->> 'watermark')::timestamptz
    into v_watermark
    from hubspot_sync.sync_status s
   where s.task = v_task
     for update;
  select n.checked, n.queued, n.untold, n.ours
    into checked, queued, untold, v_ours
    from hubspot_sync.note_sightings(p_table, p_rows, split_part(p_task, ' ', 1)) n;
  fresh := (select count(*)::integer
              from jsonb_to_recordset(p_rows) as r (id text, version timestamptz)
             where (v_watermark is null or r.version > v_watermark)
               and r.id <> all (v_ours));
  perform hubspot_sync.remember(v_task, jsonb_strip_nulls(
    case
      when p_after is null then jsonb_build_object(
        'watermark', greatest(v_watermark,
                              least(p_until, hubspot_sync.clock() + interval '1 hour')))
      else jsonb_build_object(
        'watermark', v_watermark, 'since', p_since, 'until', p_until, 'after', p_after)
    end));
  return next;
end;
$$;

comment on function hubspot_sync.note_poll(text, text, jsonb, timestamptz, timestamptz, text) is
  'A page of the pass of p_task over a table: p_rows as note_sightings takes them; p_since and '
  'p_until of the pass; p_after: the last id of the page, null when it was the last page. fresh: '
  'rows that somebody else changed since the last whole pass; untold: signals of such. Raises '
  '22023 for a table that HubSpot says nothing of.';
revoke execute on function hubspot_sync.note_poll(
  text, text, jsonb, timestamptz, timestamptz, text) from public, anon, authenticated;
grant execute on function hubspot_sync.note_poll(
  text, text, jsonb, timestamptz, timestamptz, text) to service_role;
