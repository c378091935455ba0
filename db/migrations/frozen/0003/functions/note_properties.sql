-- What HubSpot should hold of a note. «@contact» is the link to the contact, by the id it has now.
create or replace function hubspot_sync.note_properties(p_note hubspot_sync.sync_notes)
  returns jsonb
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  return jsonb_build_object(
      'hs_note_body', p_note.body,
      'hs_timestamp', trunc(extract(epoch from p_note.noted_at) * 1000)::text,
      '@contact', coalesce((select c.hubspot_id
                              from hubspot_sync.hubspot_contact_credits c
                             where c.id = p_note.contact), ''));
end;
$$;

comment on function hubspot_sync.note_properties(hubspot_sync.sync_notes) is
  'A note''s HubSpot properties as texts, the time in milliseconds, and its link @contact '
  '(HubSpot''s id, empty while unknown).';
revoke execute on function hubspot_sync.note_properties(hubspot_sync.sync_notes)
  from public, anon, authenticated;
