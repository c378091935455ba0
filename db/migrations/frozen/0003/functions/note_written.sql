-- Notes which balances we wrote to HubSpot, until we know by what id its history tells us.
create or replace function hubspot_sync.note_written(p_finished jsonb, p_closed bigint[])
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  c_kept constant integer := 50;  -- writes of a contact
begin
  if hubspot_sync.setting('hubspot_source_id') is not null then
    return;
  end if;
  update hubspot_sync.sync_shadow s
     set written = (
           select jsonb_agg(t.entry order by t.place)
             from (select a.entry, a.place
                     from jsonb_array_elements(coalesce(s.written, '[]') || w.entries)
                          with ordinality a (entry, place)
                    order by a.place desc
                    limit c_kept) t)
    from (select f.record,
                 jsonb_agg(jsonb_build_object('credit', v.key, 'value', v.value, 'at', v.at))
                   as entries
            from jsonb_to_recordset(p_finished)
              as f (record uuid, sent jsonb, version timestamptz)
           cross join lateral (
             -- What was handed to a worker before may have been written, too.
             select n.key, n.value, null::timestamptz as at
               from hubspot_sync.sync_queue q
              cross join lateral jsonb_each_text(q.new_data) n
              where q.id = any (p_closed) and q.record = f.record and q.sync_attempts > 1
             union all
             select n.key, n.value, f.version from jsonb_each_text(f.sent) n) v
            join hubspot_sync.field_owners o
              on o.table_name = 'hubspot_contact_credits'
             and o.field = v.key
             and o.owner = 'sum'
           where v.value is not null
           group by f.record) w
   where s.record = w.record;
end;
$$;

comment on function hubspot_sync.note_written(jsonb, bigint[]) is
  'Adds to sync_shadow.written the balances of contacts that an acknowledgement tells of '
  '(p_finished: [{record, sent, version}]), and those of its rows of sync_queue (p_closed).';
revoke execute on function hubspot_sync.note_written(jsonb, bigint[])
  from public, anon, authenticated;
