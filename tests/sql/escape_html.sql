begin;
select plan(3);

select is(hubspot_sync.escape_html('<b onclick="x">it''s & done</b>'),
          '&lt;b onclick=&quot;x&quot;&gt;it&#39;s &amp; done&lt;/b&gt;', 'nothing is left to obey');
select is(hubspot_sync.escape_html('&lt;'), '&amp;lt;',
          'what was written so before is shown as it was');
select is(hubspot_sync.escape_html(null), null, 'nothing is nothing');

select * from finish();
rollback;
